// Command podsim plays the Proofpoint on Demand Log Service on the local machine, faults included. See podsim -help,
// and the package internal/podsim for what it does and does not do.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "podsim:", err)
		os.Exit(1)
	}
}

// ready are the addresses of everything that is up: what -ready-file has.
type ready struct {
	Endpoint  string `json:"endpoint"`
	ClusterID string `json:"cluster_id"`
	CAFile    string `json:"ca_file,omitempty"`
	Admin     string `json:"admin,omitempty"`
	Proxy     string `json:"proxy,omitempty"`
	PID       int    `json:"pid"`
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	files, err := s.files()
	if err != nil {
		return err
	}
	service := podsim.New(s.service)
	defer service.Close()
	s.fill(service, files)
	r := ready{ClusterID: s.service.ClusterID, CAFile: s.caOut, PID: os.Getpid()}

	tc, err := s.certificates()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.listen)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	target := l.Addr().String()
	r.Endpoint = service.Start(l, tc)

	if s.admin != "" {
		l, err := net.Listen("tcp", s.admin)
		if err != nil {
			return fmt.Errorf("-admin: %w", err)
		}
		r.Admin = "http://" + l.Addr().String()
		defer serve(l, service.Admin())()
	}
	if s.proxy != "" {
		l, err := net.Listen("tcp", s.proxy)
		if err != nil {
			return fmt.Errorf("-proxy: %w", err)
		}
		r.Proxy = "http://" + l.Addr().String()
		user, password, _ := strings.Cut(s.proxyAuth, ":")
		proxy := podsim.NewProxy(podsim.ProxyOptions{Target: target, User: user, Password: password})
		defer proxy.Close()
		proxy.Start(l)
	}
	if err := r.tell(s.readyFile, stdout); err != nil {
		return err
	}
	if !s.replayOnce && len(files) > 0 {
		s.repeat(ctx, service, files)
	}
	<-ctx.Done()
	return nil
}

// serve answers HTTP requests until the function that it returns is called.
func serve(l net.Listener, h http.Handler) (stop func()) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // it ends by stop
	}()
	return func() {
		_ = server.Close() // the listener is of no interest any more
		<-ended
	}
}

// certificates makes the CA and what it issues, and writes the files that are wanted. It is nil for plain text.
func (s settings) certificates() (*tls.Config, error) {
	if s.plaintext {
		return nil, nil
	}
	ca, err := podsim.NewCA()
	if err != nil {
		return nil, err
	}
	tc, err := ca.ServerConfig(s.hosts...)
	if err != nil {
		return nil, err
	}
	if s.caOut != "" {
		if err := writeFile(s.caOut, ca.PEM(), 0o644); err != nil {
			return nil, fmt.Errorf("-ca-out: %w", err)
		}
	}
	if s.clientCert == "" {
		return tc, nil
	}
	tc.ClientAuth, tc.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	cert, err := ca.Client("podsim client")
	if err != nil {
		return nil, err
	}
	certPEM, keyPEM, err := podsim.PEM(cert)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(writeFile(s.clientCert+".crt", certPEM, 0o644), writeFile(s.clientCert+".key", keyPEM, 0o600)); err != nil {
		return nil, fmt.Errorf("-client-cert-out: %w", err)
	}
	return tc, nil
}

// tell prints the addresses, and writes them for programs if asked to.
func (r ready) tell(file string, stdout io.Writer) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("-ready-file: %w", err)
	}
	text = append(text, '\n')
	var lines strings.Builder
	fmt.Fprintf(&lines, "podsim: PoD Log Service, simulated, at %s, cluster %s\n", r.Endpoint, r.ClusterID)
	for _, l := range []struct{ what, value string }{
		{"its CA's certificate is in", r.CAFile},
		{"admin interface at", r.Admin},
		{"proxy at", r.Proxy},
	} {
		if l.value != "" {
			fmt.Fprintf(&lines, "podsim: %s %s\n", l.what, l.value)
		}
	}
	fmt.Fprintln(&lines, "podsim: Ctrl-C ends it")
	switch file {
	case "":
	case "-":
		lines.Write(text)
	default:
		if err := writeFile(file, text, 0o644); err != nil {
			return fmt.Errorf("-ready-file: %w", err)
		}
	}
	_, err = io.WriteString(stdout, lines.String())
	return err
}

// writeFile writes a file that others see complete or not at all.
func writeFile(path string, content []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".podsim-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// fill gives the service its plan and, if they are sent once, the records of the files.
func (s settings) fill(service *podsim.Service, files map[podlog.EventType][][]byte) {
	service.Plan(s.plan...)
	if s.replayOnce {
		for t, records := range files {
			service.Push(t, records...)
		}
	}
}

// files reads the records to replay.
func (s settings) files() (map[podlog.EventType][][]byte, error) {
	all := make(map[podlog.EventType][][]byte)
	for _, r := range s.replay {
		records, err := podsim.ReadRecords(r.path)
		if err != nil {
			return nil, fmt.Errorf("-replay: %w", err)
		}
		if len(records) == 0 {
			return nil, fmt.Errorf("-replay: no record in %s", r.path)
		}
		all[r.eventType] = append(all[r.eventType], records...)
	}
	return all, nil
}

// repeat sends the records of the files again and again, until ctx ends.
func (s settings) repeat(ctx context.Context, service *podsim.Service, files map[podlog.EventType][][]byte) {
	ticker := time.NewTicker(max(1, time.Duration(float64(time.Second)/s.replayRate)))
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for t, records := range files {
			service.Push(t, records[i%len(records)])
		}
	}
}
