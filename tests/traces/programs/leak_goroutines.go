// trace: limit=96M seconds=420 kind=leak class=leak split=score
// Goroutines that wait for an answer that never comes, each with its stack and what it was asked.
package main

import "time"

func handle(answer chan []byte) {
	var request [3000]byte
	for i := range request {
		request[i] = byte(i)
	}
	<-answer
	println(request[0])
}

func main() {
	for {
		go handle(make(chan []byte))
		time.Sleep(25 * time.Millisecond)
	}
}
