// trace: limit=96M seconds=300 kind=leak class=leak split=tune
// A proxy that caches pages by their URL and never evicts; the traffic follows Zipf, so there are ever fewer new URLs, yet always some.
package main

import (
	"fmt"
	"math/rand"
	"strings"
	"time"
)

type page struct {
	body    []byte
	headers map[string]string
	fetched time.Time
}

func fetch(url string, n uint64) *page {
	size := 3000 + int((n*2654435761)%22000)
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(n) + byte(i)
	}
	return &page{body, map[string]string{"Content-Type": "text/html", "ETag": fmt.Sprintf("%x", n*7919), "Location": url}, time.Now()}
}

func main() {
	random := rand.New(rand.NewSource(4104))
	zipf := rand.NewZipf(random, 1.12, 30, 5000000)
	cache := map[string]*page{}
	hits := 0
	for {
		for i := 0; i < 5+random.Intn(6); i++ {
			n := zipf.Uint64()
			url := fmt.Sprintf("https://shop.example/%d/item?id=%d", n%97, n)
			if p, ok := cache[url]; ok {
				hits += len(strings.ToUpper(p.headers["ETag"]))
				continue
			}
			cache[url] = fetch(url, n)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
