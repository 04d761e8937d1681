// trace: limit=128M seconds=420 kind=leak class=leak split=score
// Sessions that nobody expires, in Go: the collector lets the heap double before it runs.
package main

import (
	"fmt"
	"time"
)

var garbage []byte

func main() {
	sessions := map[string][]byte{}
	for i := 0; ; i++ {
		garbage = make([]byte, 64<<10)
		data := make([]byte, 5<<10)
		for j := range data {
			data[j] = byte(i)
		}
		sessions[fmt.Sprint("session-", i)] = data
		time.Sleep(20 * time.Millisecond)
	}
}
