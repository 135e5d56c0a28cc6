// Command run starts the built collector with config/collector.yaml: on the PoD Log Service where POD_CLUSTER_ID and
// POD_API_SECRET are set, otherwise on the simulator. `make run` builds both and runs it, in the repository's folder.
//
// It ends on SIGINT, SIGTERM or SIGHUP, or when the collector or the simulator ends. Nothing that it started is left:
// first the collector drains, then the simulator stops. The exit code is 0 only when it was asked to end and both did so
// in order.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

const (
	// collectorGrace is how long the collector may take to hand on what it holds.
	collectorGrace = 30 * time.Second
	// simulatorGrace is how long the simulator may take to end.
	simulatorGrace = 5 * time.Second
)

func main() {
	runtime.LockOSThread() // on Linux, the children are told when the thread that started them ends
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// run runs the collector, and the simulator if there is no real service to run it on, until ctx ends or one of them does.
func run(ctx context.Context, out *os.File) (err error) {
	data := os.Getenv("POD_DATA_DIR")
	if data == "" {
		data = "var"
	}
	setPrivateUmask() // records are mail metadata: no other user may read them
	if err := prepareFolder(data); err != nil {
		return err
	}

	cluster, secret := os.Getenv("POD_CLUSTER_ID"), os.Getenv("POD_API_SECRET")
	var sim *simulator
	switch {
	case cluster != "" && secret != "":
		fmt.Fprintln(out, "The collector runs on the Proofpoint on Demand Log Service, cluster "+cluster+".")
	case cluster != "" || secret != "":
		return errors.New("one of POD_CLUSTER_ID and POD_API_SECRET is set: " +
			"set both for the real service, or neither for the simulator")
	default:
		if sim, err = startSimulator(ctx, out, data); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, sim.end()) }()
		fmt.Fprintln(out, "POD_CLUSTER_ID and POD_API_SECRET are not set: the collector runs on a simulator, with made-up records.")
	}
	shown, err := findPages(ctx)
	if err != nil {
		return err
	}
	pagesArg, err := shown.collectorArg()
	if err != nil {
		return err
	}
	shown.tell(out, recordsFile(data))

	// The health pages come first, so that the pipeline is the one of collector.yaml. Its list of extensions would hide
	// the other's.
	args := []string{
		"--config=config/health.yaml",
		"--config=config/collector.yaml",
		"--config=yaml:service::extensions: [file_storage, health_check, source_health]",
		pagesArg,
		"--feature-gates=+extension.healthcheck.useComponentStatus",
	}
	env := append(os.Environ(), "POD_DATA_DIR="+data)
	if sim != nil {
		args, env = append(args, sim.collectorArgs()...), append(env, sim.collectorEnv()...)
	}
	collector, err := start(ctx, out, collectorGrace, "bin/otelcol-proofpointpod", env, args...)
	if err != nil {
		return err
	}
	select {
	case <-collector.done:
	case <-sim.gone():
	}
	if err := collector.end(); err != nil {
		return err
	}
	fmt.Fprintln(out, "The collector has stopped. What it collected is in "+recordsFiles(data)+".")
	return nil
}

// recordsFile is where config/collector.yaml writes records to.
func recordsFile(data string) string { return filepath.Join(data, "records.json") }

// recordsFiles are that, and the full ones that were set aside, if there are any.
func recordsFiles(data string) string {
	const setAside = "records-*.json"
	full, err := fs.Glob(os.DirFS(data), setAside)
	if err != nil || len(full) == 0 {
		return recordsFile(data)
	}
	return recordsFile(data) + ", and before that in " + filepath.Join(data, setAside)
}
