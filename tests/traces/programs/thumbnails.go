// trace: limit=96M seconds=300 kind=calm split=score
// A thumbnail service: an LRU of bounded bytes, Zipf traffic, and a decoded picture as garbage for each miss.
package main

import (
	"container/list"
	"math/rand"
	"time"
)

type entry struct {
	key  uint64
	data []byte
}

var picture []byte

func render(key uint64) []byte {
	picture = make([]byte, 300<<10)
	for i := 0; i < len(picture); i += 64 {
		picture[i] = byte(key)
	}
	out := make([]byte, 8<<10+(key*2654435761)%(60<<10))
	copy(out, picture)
	for i := 0; i < len(out); i += 512 {
		out[i] = 1
	}
	return out
}

func main() {
	random := rand.New(rand.NewSource(5101))
	zipf := rand.NewZipf(random, 1.2, 50, 200000)
	order, index, held := list.New(), map[uint64]*list.Element{}, 0
	for {
		for i := 0; i < 4+random.Intn(8); i++ {
			key := zipf.Uint64()
			if e, ok := index[key]; ok {
				order.MoveToFront(e)
				continue
			}
			data := render(key)
			index[key] = order.PushFront(&entry{key, data})
			held += len(data)
			for held > 24<<20 {
				last := order.Remove(order.Back()).(*entry)
				delete(index, last.key)
				held -= len(last.data)
			}
		}
		time.Sleep(80 * time.Millisecond)
	}
}
