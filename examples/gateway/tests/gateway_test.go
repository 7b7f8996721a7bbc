// Package gateway asks a real nginx with the gateway's configuration, with both services behind it.
package gateway

import (
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/gateway/upstream"
)

var client = &http.Client{
	Timeout: 10 * time.Second,
	// What is behind the certificate's name is not this test's question.
	Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func TestMain(m *testing.M) {
	for service, address := range map[string]string{"web": "127.0.0.1:3000", "api": "127.0.0.1:3001"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			fail(err)
		}
		go func() { _ = http.Serve(listener, upstream.Handler(service)) }()
	}
	nginx := exec.Command("nginx", "-g", "daemon off;")
	nginx.Stderr = os.Stderr
	if err := nginx.Start(); err != nil {
		fail(err)
	}
	await("127.0.0.1:8443")
	code := m.Run()
	_ = nginx.Process.Kill()
	os.Exit(code)
}

func await(address string) {
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return
		}
		if time.Since(begin) > 20*time.Second {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func get(t *testing.T, url string, headers ...string) (*http.Response, io.Reader) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer, answer.Body
}

func TestPlainRequestsAreSentToTLS(t *testing.T) {
	answer, _ := get(t, "http://127.0.0.1:8080/a?b=c")
	got := []any{answer.StatusCode, answer.Header.Get("Location")}
	if diff := cmp.Diff([]any{301, "https://127.0.0.1/a?b=c"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEachPathReachesItsService(t *testing.T) {
	for path, want := range map[string]upstream.Seen{
		"/api/orders/7": {Service: "api", Path: "/orders/7", Proto: "https"},
		"/cart":         {Service: "web", Path: "/cart", Proto: "https"},
	} {
		_, body := get(t, "https://127.0.0.1:8443"+path)
		var got upstream.Seen
		if err := json.NewDecoder(body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		got.Padding = ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(path, diff)
		}
	}
}

func TestAnswersAreProtectedAndCompressed(t *testing.T) {
	answer, body := get(t, "https://127.0.0.1:8443/", "Accept-Encoding", "gzip")
	got := map[string]string{}
	for _, name := range []string{"Content-Encoding", "Server", "Strict-Transport-Security", "X-Frame-Options"} {
		got[name] = answer.Header.Get(name)
	}
	want := map[string]string{
		"Content-Encoding":          "gzip",
		"Server":                    "nginx",
		"Strict-Transport-Security": "max-age=31536000",
		"X-Frame-Options":           "SAMEORIGIN",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if _, err := gzip.NewReader(body); err != nil {
		t.Error(err)
	}
}

func TestWhoAsksTooOftenHasToWait(t *testing.T) {
	// At once, so that it is too often on a slow machine, too.
	const visits = 200
	statuses := make(chan int, visits)
	for range visits {
		go func() {
			answer, err := client.Get("https://127.0.0.1:8443/api/")
			if err != nil {
				statuses <- 0
				return
			}
			_ = answer.Body.Close()
			statuses <- answer.StatusCode
		}()
	}
	counts := map[int]int{}
	for range visits {
		counts[<-statuses]++
	}
	if counts[http.StatusOK] < 20 || counts[http.StatusTooManyRequests] == 0 {
		t.Errorf("%v", counts)
	}
}
