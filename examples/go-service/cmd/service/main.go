// Command service tells the time in the zones of its configuration, over HTTP.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/worldclock/internal/config"
	"example.com/worldclock/internal/server"
)

// Set by the linker.
var (
	version = "unknown"
	commit  = "unknown"
)

const usage = `usage: service COMMAND
  serve [-config FILE]        answer requests until SIGTERM
  healthcheck [-config FILE]  ask a service that runs here; exit with 0 if it is well
  check FILE...               read configurations, and say what is wrong with them
  version                     say which build this is`

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	path := flags.String("config", "/etc/service/config.yaml", "the configuration")
	_ = flags.Parse(os.Args[2:])

	var err error
	switch os.Args[1] {
	case "serve":
		err = serve(*path)
	case "healthcheck":
		err = healthcheck(*path)
	case "check":
		err = check(flags.Args())
	case "version":
		fmt.Println(version, commit)
	default:
		err = fmt.Errorf("no command %s\n%s", os.Args[1], usage)
	}
	if err != nil {
		fail(err.Error())
	}
}

func serve(path string) error {
	settings, err := config.Read(path)
	if err != nil {
		return err
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: settings.LogLevel})))
	build := server.Build{Version: version, Commit: commit}
	service := &http.Server{
		Addr:              settings.Listen,
		Handler:           server.Handler(settings, build, time.Now),
		ReadHeaderTimeout: 5 * time.Second,
	}

	// The first process of a container gets no default for SIGTERM: who does not listen for it is killed.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	failed := make(chan error, 1)
	go func() { failed <- service.ListenAndServe() }()
	slog.Info("listens", "address", settings.Listen, "environment", settings.Environment, "version", version)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	slog.Info("finishes the requests under way")
	ctx, cancel := context.WithTimeout(context.Background(), settings.Grace)
	defer cancel()
	return service.Shutdown(ctx)
}

func healthcheck(path string) error {
	settings, err := config.Read(path)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(settings.Listen)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get("http://127.0.0.1:" + port + "/health")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the service answers with %s", answer.Status)
	}
	return nil
}

func check(paths []string) error {
	if len(paths) == 0 {
		return fmt.Errorf("no file to check\n%s", usage)
	}
	for _, path := range paths {
		if _, err := config.Read(path); err != nil {
			return err
		}
		fmt.Println(path, "is right")
	}
	return nil
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}
