package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Faults of the disk, on real mounts: that of the positions in an exact pipeline, that of the queue in a classical one.

// disk is a small disk of its own, mounted as long as the test runs.
type disk struct {
	t    *testing.T
	path string
}

// mountDisk mounts a disk of a size. Where the test may not mount, it is skipped, but in CI.
func mountDisk(t *testing.T, size string) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		require.Empty(t, os.Getenv("CI"), "CI runs these tests as root, who can mount a disk")
		t.Skip("skipped: only root can mount a disk")
	}
	d := &disk{t: t, path: t.TempDir()}
	d.run("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", d.path)
	t.Cleanup(func() { d.run("umount", d.path) })
	return d
}

func (d *disk) run(name string, args ...string) {
	d.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(d.t, err, string(out))
}

// remount makes the disk read-only (ro) or writable (rw). No file on it may be open.
func (d *disk) remount(mode string) {
	d.t.Helper()
	d.run("mount", "-o", "remount,"+mode, d.path)
}

func (d *disk) filler() string { return filepath.Join(d.path, "filler") }

// fill writes a file until the disk is full.
func (d *disk) fill() {
	d.t.Helper()
	f, err := os.Create(d.filler())
	require.NoError(d.t, err)
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	require.ErrorIs(d.t, err, syscall.ENOSPC)
	if err := f.Close(); err != nil {
		require.ErrorIs(d.t, err, syscall.ENOSPC)
	}
}

// free deletes that file.
func (d *disk) free() {
	d.t.Helper()
	require.NoError(d.t, os.Remove(d.filler()))
}

// playOnDisk plays a story in each configuration with a backend, with the positions on a small disk, or the queue where
// there is one.
func playOnDisk(t *testing.T, size string, story func(*rig, *disk)) {
	t.Helper()
	t.Parallel()
	for _, config := range withBackend() {
		t.Run(config, func(t *testing.T) {
			t.Parallel()
			r := newFaultRig(t, config, 0)
			d := mountDisk(t, size)
			if r.exact() {
				r.data = d.path
			} else {
				r.queue = d.path
			}
			r.collect()
			r.waitArrivedSome()
			story(r, d)
		})
	}
}

// The disk is full while the backend is away. An exact pipeline needs it for positions only; the queue of a classical one
// refuses, which is counted, and the batch processor drops.
func TestDiskFaults_full(t *testing.T) {
	playOnDisk(t, "3m", func(r *rig, d *disk) {
		r.far.answer(http.StatusServiceUnavailable)
		d.fill()
		r.Generate(podlog.Message, 3000)
		if r.exact() {
			r.waitSaid("Exporting failed. Will retry", 1)
			r.far.answer(http.StatusOK)
			r.waitArrived()
			r.waitSaid(unsavedPosition, 1)
			d.free()
			r.assertTable(&backendFault{})
			return
		}
		eventually(r.t, func() bool {
			refused, _ := r.collectorMetric("exporter_enqueue_failed_log_records")
			return refused > 0
		}, func() string { return "the queue refuses nothing" })
		d.free()
		r.far.answer(http.StatusOK)
		row := r.settle(len(r.sent()))
		r.t.Log(row)
		assert.Positive(r.t, row.lost, "the documentation says that it loses records")
		assert.Contains(r.t, row.said, "Sender failed")
		assert.Zero(r.t, row.early)
	})
}

const unsavedPosition = "the position is not saved; records keep flowing"

// The disk is read-only when the collector starts. One with a queue on it does not start, and says why. An exact one
// collects, and reads its position when it can.
func TestDiskFaults_readOnly(t *testing.T) {
	playOnDisk(t, "64m", func(r *rig, d *disk) {
		r.far.answer(http.StatusServiceUnavailable)
		r.waitProduced(60)
		r.stop()
		d.remount("ro")
		r.start()
		if r.exact() {
			r.collector.waitReady()
			r.waitSaid(unsavedPosition, 1)
		} else {
			assert.Positive(r.t, r.collector.exitCode())
			assert.Contains(r.t, r.collector.out.String(), "read-only file system")
		}
		r.far.answer(http.StatusOK)
		r.waitProduced(20)
		d.remount("rw")
		if !r.exact() {
			r.collect()
		}
		r.assertTable(&backendFault{})
	})
}

// config/collector.yaml writes to a file. A stop and a kill lose nothing; a full disk does, and is counted.
func TestDiskFaults_file(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(*rig){
		"stop":   func(r *rig) { r.stop(); r.collect() },
		"reload": (*rig).reload,
		"kill":   func(r *rig) { r.kill(); r.collect() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFileRig(t)
			r.far.file = &recordFile{t: t, path: filepath.Join(r.data, "records.json")}
			r.collect()
			r.waitArrivedSome()
			play(r)
			r.assertTable(&backendFault{})
		})
	}
	t.Run("full", func(t *testing.T) {
		t.Parallel()
		r := newFileRig(t)
		d := mountDisk(t, "3m")
		r.data = d.path
		r.collect()
		r.waitProduced(60)
		d.fill()
		r.Generate(podlog.Message, 3000)
		eventually(t, func() bool {
			dropped, _ := r.collectorMetric("exporter_send_failed_log_records")
			return dropped > 0
		}, func() string { return "the exporter counts nothing" })
		r.stop()
		t.Log(r.warnings())
		assert.Contains(t, r.warnings(), "Sender failed")
	})
}

// newFileRig makes a rig for config/collector.yaml, whose far end is a file.
func newFileRig(t *testing.T) *rig {
	t.Helper()
	r := newFaultRig(t, "collector.yaml", 0)
	r.extra = "extensions: {source_health: {http: {endpoint: '" + reservedAddress(t) + "'}}}"
	return r
}
