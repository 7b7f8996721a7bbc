// Command echo is both services behind the gateway.
package main

import (
	"fmt"
	"net/http"
	"os"

	"example.com/gateway/upstream"
)

func main() {
	failed := make(chan error)
	for service, address := range map[string]string{"web": "127.0.0.1:3000", "api": "127.0.0.1:3001"} {
		go func() { failed <- http.ListenAndServe(address, upstream.Handler(service)) }()
	}
	fmt.Println("web and api listen")
	fmt.Fprintln(os.Stderr, <-failed)
	os.Exit(1)
}
