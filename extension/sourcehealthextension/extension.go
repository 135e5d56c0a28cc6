package sourcehealthextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/storageclient"
)

// shutdownWait is how long answers under way have to end, and after them the storage.
const shutdownWait = time.Second

var (
	_ sourcehealth.Viewer             = (*sourceHealth)(nil)
	_ componentstatus.Watcher         = (*sourceHealth)(nil)
	_ extensioncapabilities.Dependent = (*sourceHealth)(nil)
)

// sourceHealth is the extension. Sources and the collector tell it how things are, from goroutines of their own, before
// Start and after Shutdown too; each call takes what it is told and returns. It does not ask for the configuration of the
// collector, which holds secrets.
type sourceHealth struct {
	config     *Config
	settings   extension.Settings
	registry   *registry
	components *components
	history    *history

	// The following belong to Start and Shutdown, which the collector calls one after the other.
	stop    context.CancelFunc
	running sync.WaitGroup // observer, keeper, drop watcher, server
	keeper  *keeper        // nil: no storage
	server  *http.Server
}

func newSourceHealth(settings extension.Settings, config *Config) *sourceHealth {
	settings.Logger = settings.Logger.WithOptions(zap.AddStacktrace(zap.DPanicLevel))
	return &sourceHealth{
		config:     config,
		settings:   settings,
		registry:   newRegistry(),
		components: newComponents(),
		history:    newHistory(config.History.MaxEvents),
	}
}

// AddSource implements [sourcehealth.Viewer].
func (e *sourceHealth) AddSource(id component.ID, look func() sourcehealth.Report) {
	e.registry.add(id, look)
}

// RemoveSource implements [sourcehealth.Viewer].
func (e *sourceHealth) RemoveSource(id component.ID) { e.registry.remove(id) }

// HealthEvent implements [sourcehealth.Viewer].
func (e *sourceHealth) HealthEvent(event sourcehealth.Event) { e.history.add(event) }

// ComponentStatusChanged implements [componentstatus.Watcher].
func (e *sourceHealth) ComponentStatusChanged(id *componentstatus.InstanceID, event *componentstatus.Event) {
	e.components.changed(id, event)
}

// Dependencies implements [extensioncapabilities.Dependent]: the storage starts first.
func (e *sourceHealth) Dependencies() []component.ID {
	if e.config.Storage == nil {
		return nil
	}
	return []component.ID{*e.config.Storage}
}

// Start reads the history and serves the page. An error means that the configuration names something that is not there,
// or an address that is taken.
func (e *sourceHealth) Start(ctx context.Context, host component.Host) error {
	open, err := e.storageOpener(host)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.Background())
	observer := newObserver(e.registry, e.components, e.history, e.settings.BuildInfo)
	limits := newConnections()
	handler := newHandler(running, observer, e.history, newWatchers(limits.limit), onlyLocal(e.config.HTTP.NetAddr))
	listener, err := e.config.HTTP.ToListener(ctx)
	if err != nil {
		stop()
		return e.listenError(err)
	}
	e.server, err = e.config.HTTP.ToServer(ctx, host.GetExtensions(), e.settings.TelemetrySettings, handler)
	if err != nil {
		stop()
		return errors.Join(fmt.Errorf("http: the page can't be served: %w", err), listener.Close())
	}
	limits.limitServer(e.server)

	e.stop = stop
	if open != nil {
		e.keeper = newKeeper(open, e.history, e.settings.Logger)
		e.running.Go(func() { e.keeper.run(running) })
		e.keeper.wait(ctx)
	}
	e.running.Go(func() { observer.run(running) })
	if instance := text(e.settings.Resource.Attributes(), "service.instance.id"); instance != "" && e.config.MetricsEndpoint != "" {
		drops := newDropWatcher(newMetricsReader(e.config.MetricsEndpoint, instance), e.components, e.history, e.settings.Logger)
		e.running.Go(func() { drops.run(running) })
	}
	e.running.Go(func() { e.serve(listener, host) })
	e.settings.Logger.Info("the health of sources is shown", zap.String("address", e.address(listener)))
	return nil
}

// listenError says whether it is the address that the page can't be served on, or TLS.
func (e *sourceHealth) listenError(err error) error {
	var network *net.OpError
	if e.config.HTTP.TLS.HasValue() && !errors.As(err, &network) {
		return fmt.Errorf("http.tls: the page can't be served: %w", err)
	}
	return fmt.Errorf("http.endpoint: the page can't be served on %s: %w; set another http.endpoint for the extension %s",
		e.config.HTTP.NetAddr.Endpoint, err, e.settings.ID)
}

// serve serves the page until Shutdown.
func (e *sourceHealth) serve(listener net.Listener, host component.Host) {
	if err := e.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		e.settings.Logger.Error("the page is not served any more; sources go on. Restart or reload the collector to have it again", zap.Error(err))
		componentstatus.ReportStatus(host, componentstatus.NewPermanentErrorEvent(fmt.Errorf("serving the page: %w", err)))
	}
}

// address is what one types into a browser.
func (e *sourceHealth) address(listener net.Listener) string {
	scheme := "http://"
	if e.config.HTTP.TLS.HasValue() {
		scheme = "https://"
	}
	return scheme + listener.Addr().String()
}

// storageOpener returns the opener of the storage client; nil if no storage is configured.
func (e *sourceHealth) storageOpener(host component.Host) (storageclient.Opener, error) {
	return storageclient.NewOpener(host, e.config.Storage, storageclient.User{Kind: component.KindExtension, ID: e.settings.ID})
}

// Shutdown ends the streams of events and the answers under way, and saves the history. It takes no longer than 2 seconds,
// or ctx, if that is less. It is safe without Start, and twice.
func (e *sourceHealth) Shutdown(ctx context.Context) error {
	if e.stop == nil {
		return nil
	}
	e.stop()
	e.stop = nil
	answers, cancel := context.WithTimeout(ctx, shutdownWait)
	defer cancel()
	if e.server.Shutdown(answers) != nil {
		_ = e.server.Close() // a client does not read; nothing of it is kept
	}
	saving, cancel := context.WithTimeout(ctx, shutdownWait)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.running.Wait()
		if e.keeper != nil {
			e.keeper.close(saving)
		}
	}()
	select {
	case <-ended:
	case <-saving.Done(): // the storage holds the keeper
	}
	return nil
}
