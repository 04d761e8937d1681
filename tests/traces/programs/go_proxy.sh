# trace: limit=64M seconds=300 kind=calm split=score needs=golang-go
# A gateway in Go (httputil.ReverseProxy) before an API: gzip, a rate limit table that is swept each minute, bursts; built at its start.
cat > main.go <<'GO'
package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

type row struct {
	ID   int
	Text string
}

var lock sync.Mutex
var limits = map[string][]time.Time{}

func api(w http.ResponseWriter, r *http.Request) {
	rows := make([]row, 50+rand.Intn(3000))
	for i := range rows {
		rows[i] = row{i, fmt.Sprint("text ", i, " ", rand.Int63())}
	}
	json.NewEncoder(w).Encode(rows)
}

type zipped struct {
	http.ResponseWriter
	out *gzip.Writer
}

func (z zipped) Write(b []byte) (int, error) { return z.out.Write(b) }

func main() {
	go http.ListenAndServe("127.0.0.1:26456", http.HandlerFunc(api))
	target, _ := url.Parse("http://127.0.0.1:26456")
	proxy := httputil.NewSingleHostReverseProxy(target)
	go http.ListenAndServe("127.0.0.1:26455", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		user := r.URL.Query().Get("user")
		limits[user] = append(limits[user], time.Now())
		lock.Unlock()
		out := gzip.NewWriter(w)
		defer out.Close()
		proxy.ServeHTTP(zipped{w, out}, r)
	}))
	go func() {
		for range time.Tick(time.Minute) {
			lock.Lock()
			for user, times := range limits {
				if time.Since(times[len(times)-1]) > time.Minute {
					delete(limits, user)
				}
			}
			lock.Unlock()
		}
	}()
	time.Sleep(time.Second)
	for {
		for _, burst := range []int{1, 1, 1, 6, 1, 2, 20, 1} {
			for i := 0; i < 25; i++ {
				for j := 0; j < burst; j++ {
					go func() {
						answer, err := http.Get(fmt.Sprint("http://127.0.0.1:26455/?user=", rand.Intn(100000)))
						if err != nil {
							fmt.Println(err)
							return
						}
						io.Copy(io.Discard, answer.Body)
						answer.Body.Close()
					}()
				}
				time.Sleep(400 * time.Millisecond)
			}
		}
	}
}
GO
HOME=$PWD GOCACHE=$PWD/cache GOFLAGS=-p=1 GOGC=50 go build -ldflags="-s -w" -o service main.go
exec ./service
