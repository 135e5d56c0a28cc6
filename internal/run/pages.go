package main

import (
	"context"
	"fmt"
	"io"
	"net"
)

// pages are the addresses of what the collector shows of itself.
type pages struct {
	sources, health, metrics string
}

// findPages takes the usual ports, and others in place of those that are taken.
func findPages(ctx context.Context) (pages, error) {
	var p pages
	for _, page := range []struct {
		address *string
		usual   string
	}{{&p.sources, "localhost:13134"}, {&p.health, "localhost:13133"}, {&p.metrics, "localhost:8888"}} {
		var err error
		if *page.address, err = freeAddress(ctx, page.usual); err != nil {
			return pages{}, err
		}
	}
	return p, nil
}

// freeAddress is the usual address where nobody listens on it, otherwise another one of this machine.
func freeAddress(ctx context.Context, usual string) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", usual)
	if err == nil {
		return usual, l.Close()
	}
	if l, err = new(net.ListenConfig).Listen(ctx, "tcp", "localhost:0"); err != nil {
		return "", fmt.Errorf("find a port in place of %s: %w", usual, err)
	}
	return l.Addr().String(), l.Close()
}

// collectorArg makes the collector serve the pages there.
func (p pages) collectorArg() (string, error) {
	host, port, err := net.SplitHostPort(p.metrics)
	if err != nil {
		return "", fmt.Errorf("read the address of the metrics: %w", err)
	}
	return fmt.Sprintf(`--config=yaml:{extensions: {source_health: {http: {endpoint: "%s"}, metrics_endpoint: "http://%s/metrics"}, `+
		`health_check: {http: {endpoint: "%s"}}}, `+
		`service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: "%s", port: %s}}}}]}}}}`,
		p.sources, p.metrics, p.health, host, port), nil
}

// tell prints what a user looks for first.
func (p pages) tell(out io.Writer, records string) {
	fmt.Fprintf(out, `
  records   %s, one line for each batch of 1,000
  sources   http://%s/
  health    http://%s/status?verbose
  metrics   http://%s/metrics
  stop      Ctrl-C

`, records, p.sources, p.health, p.metrics)
}
