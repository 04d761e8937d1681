// trace: limit=128M seconds=300 kind=calm class=steady,sawtooth split=score
// Go with a working set that stays the same and much garbage.
package main

import (
	"math/rand"
	"time"
)

func main() {
	working := make([][]byte, 3000)
	for {
		for i := 0; i < 60; i++ {
			data := make([]byte, rand.Intn(12<<10))
			for j := range data {
				data[j] = 1
			}
			working[rand.Intn(len(working))] = data
		}
		time.Sleep(50 * time.Millisecond)
	}
}
