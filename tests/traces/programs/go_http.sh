# trace: limit=192M seconds=300 kind=calm split=score needs=golang-go
# A Go web service with a cache of 5000 products, oldest out first; built at its start.
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"sync"
	"io"
	"time"
)

type review struct {
	Stars int
	Text  string
}

var lock sync.Mutex
var cache = map[string][]review{}
var order []string

func serve(w http.ResponseWriter, r *http.Request) {
	lock.Lock()
	defer lock.Unlock()
	reviews, ok := cache[r.URL.Path]
	if !ok {
		for i, n := 0, 5+rand.Intn(200); i < n; i++ {
			reviews = append(reviews, review{rand.Intn(5), fmt.Sprint("review ", i, " of ", r.URL.Path, rand.Int())})
		}
		cache[r.URL.Path] = reviews
		order = append(order, r.URL.Path)
		if len(order) > 5000 {
			delete(cache, order[0])
			order = order[1:]
		}
	}
	json.NewEncoder(w).Encode(reviews)
}

func client() {
	for {
		time.Sleep(time.Duration(rand.ExpFloat64()*float64(90)) * time.Millisecond)
		answer, err := http.Get(fmt.Sprint("http://127.0.0.1:26428/", rand.Intn(200)*rand.Intn(200)))
		if err != nil {
			fmt.Println(err)
			continue
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
}

func main() {
	for i := 0; i < 6; i++ {
		go client()
	}
	http.HandleFunc("/", serve)
	fmt.Println(http.ListenAndServe("127.0.0.1:26428", nil))
}
GO
HOME=$PWD GOCACHE=$PWD/cache GOFLAGS=-p=1 GOGC=50 go build -ldflags="-s -w" -o service main.go
exec ./service
