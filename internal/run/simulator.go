package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// The simulator knows one cluster and one token. They are no secrets.
const (
	simulatedCluster = "simulated_cluster"
	simulatedToken   = "simulated-token"
)

// simulatedRate fills a batch of 1,000 records within seconds.
const simulatedRate = "message=50,maillog=100"

// simulator is the simulated PoD Log Service, as a process.
type simulator struct {
	*process
	addresses
	// storage is the folder where the collector keeps what it remembers of this simulator.
	storage string
}

// addresses are what a user of the simulator needs to know. It writes them to its ready file when it listens.
type addresses struct {
	Endpoint string `json:"endpoint"`
	CAFile   string `json:"ca_file"`
}

// startSimulator starts bin/podsim and waits until it listens. Its files are kept in the folder data.
func startSimulator(ctx context.Context, out *os.File, data string) (*simulator, error) {
	ready := filepath.Join(data, "podsim.json")
	// What an earlier collector remembered is of another simulator, which this one knows nothing of. The positions on the
	// real service are elsewhere.
	storage := filepath.Join(data, "podsim-storage")
	if err := errors.Join(os.RemoveAll(ready), os.RemoveAll(storage)); err != nil {
		return nil, fmt.Errorf("remove what an earlier simulator left: %w", err)
	}
	// It outlives ctx: the collector says goodbye to it first.
	process, err := start(context.WithoutCancel(ctx), out, simulatorGrace, "bin/podsim", os.Environ(),
		"-listen=127.0.0.1:0", "-cluster-id="+simulatedCluster, "-token="+simulatedToken, "-rate="+simulatedRate,
		"-ca-out="+filepath.Join(data, "podsim-ca.pem"), "-ready-file="+ready)
	if err != nil {
		return nil, err
	}
	s := &simulator{process: process, storage: storage}
	if err := s.waitReady(ctx, ready); err != nil {
		return nil, errors.Join(fmt.Errorf("start the simulator: %w", err), s.end())
	}
	return s, nil
}

// waitReady waits until the simulator has written its ready file, and reads it.
func (s *simulator) waitReady(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		text, err := os.ReadFile(file)
		if err == nil && json.Unmarshal(text, &s.addresses) == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-s.done:
			return errors.New("it has ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// gone is closed when the simulator has ended. Without a simulator it never is.
func (s *simulator) gone() <-chan struct{} {
	if s == nil {
		return nil
	}
	return s.done
}

// collectorArgs aim the collector at the simulator.
func (s *simulator) collectorArgs() []string {
	return []string{
		"--set=receivers.proofpointpod.endpoint=" + s.Endpoint,
		"--set=receivers.proofpointpod.tls.ca_file=" + s.CAFile,
		"--set=extensions.file_storage.directory=" + s.storage,
	}
}

// collectorEnv are the cluster and the token that the simulator knows.
func (s *simulator) collectorEnv() []string {
	return []string{"POD_CLUSTER_ID=" + simulatedCluster, "POD_API_SECRET=" + simulatedToken}
}
