package proofpointpodreceiver

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
)

// process is what one source has of the world: the network and the pipeline. When it is killed, nothing that the source
// still does reaches either.
type process struct {
	network func(ctx context.Context, network, address string) (net.Conn, error)
	next    consumer.Logs

	mu     sync.Mutex
	killed bool
	conns  []net.Conn
}

func (p *process) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := p.network(ctx, network, address)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	p.conns = append(p.conns, conn)
	return conn, nil
}

// Capabilities implements [consumer.Logs].
func (p *process) Capabilities() consumer.Capabilities { return p.next.Capabilities() }

// ConsumeLogs implements [consumer.Logs].
func (p *process) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	p.mu.Lock()
	killed := p.killed
	p.mu.Unlock()
	if killed {
		return errors.New("the pipeline is dead")
	}
	return p.next.ConsumeLogs(ctx, logs)
}

// kill ends all connections without a word, for good.
func (p *process) kill() {
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	p.cut()
}

// cut ends the connections that there are without a word.
func (p *process) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
}

// kill ends the source as kill -9 does: connections break off, nothing more is stored, and what the pipeline has in its
// memory is lost. The source that is left behind is then put away.
func (s *scenario) kill() {
	s.t.Helper()
	synctest.Wait()
	s.process.kill()
	s.storage.kill()
	s.sink.crash()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(s.t, s.source.Shutdown(ctx))
	synctest.Wait()
}

// restart stops the source in order and starts another.
func (s *scenario) restart() {
	s.t.Helper()
	s.shutdown()
	s.start()
}
