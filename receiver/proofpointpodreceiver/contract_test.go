package proofpointpodreceiver

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// The collector's own check of what a receiver owes its consumer, in real time and over TCP.
// The receiver keeps to the contract of consumers but for one thing, which TestReject tests: it offers the halves of a
// batch that is refused for good, since one record in it, or a wrong token, would otherwise cost all of them.
func TestContract(t *testing.T) {
	service := podsim.New(podsim.Options{SlotHold: -1})
	t.Cleanup(service.Close)
	ca, err := podsim.NewCA()
	require.NoError(t, err)
	serving, err := ca.ServerConfig("127.0.0.1")
	require.NoError(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)

	config := createDefaultConfig().(*Config)
	config.Endpoint = service.Start(listener, serving)
	config.TLS.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(config.TLS.CAFile, ca.PEM(), 0o600))
	config.ClusterID = podsim.ClusterID
	config.APISecret = podsim.Token
	config.SupportedEvents = []podlog.EventType{podlog.Message}
	config.RetryOnFailure.InitialInterval = time.Millisecond
	config.RetryOnFailure.MaxInterval = 10 * time.Millisecond

	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T:             t,
		Factory:       receiver.NewFactory(metadata.Type, createDefaultConfig, receiver.WithLogs(createIdentified, metadata.LogsStability)),
		Signal:        pipeline.SignalLogs,
		Config:        config,
		Generator:     &generator{service: service},
		GenerateCount: 500,
	})
}

// generator tells the service records with a number each.
type generator struct {
	service *podsim.Service
	made    atomic.Int64
}

func (*generator) Start() {}
func (*generator) Stop()  {}

func (g *generator) Generate() []receivertest.UniqueIDAttrVal {
	id := fmt.Sprint(g.made.Add(1))
	g.service.Push(podlog.Message, fmt.Appendf(nil, `{"guid":%q}`, id))
	return []receivertest.UniqueIDAttrVal{receivertest.UniqueIDAttrVal(id)}
}

// createIdentified creates the receiver with a processor behind it, which makes the number in a record's body the
// attribute that the check looks for: the receiver sets no attributes from what is in a record.
func createIdentified(ctx context.Context, settings receiver.Settings, config component.Config, next consumer.Logs) (receiver.Logs, error) {
	processor, err := consumer.NewLogs(func(ctx context.Context, logs plog.Logs) error {
		for _, record := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			var body struct {
				GUID string `json:"guid"`
			}
			if err := json.Unmarshal([]byte(record.Body().Str()), &body); err != nil {
				return err
			}
			record.Attributes().PutStr(receivertest.UniqueIDAttrName, body.GUID)
		}
		err := next.ConsumeLogs(ctx, logs)
		if consumererror.IsPermanent(err) {
			return nil // dropped, as the batch processor does
		}
		return err
	}, consumer.WithCapabilities(consumer.Capabilities{MutatesData: true}))
	if err != nil {
		return nil, err
	}
	return NewFactory().CreateLogs(ctx, settings, config, processor)
}

func TestContract_shutdownWithoutStart(t *testing.T) {
	created, err := NewFactory().CreateLogs(t.Context(), receivertest.NewNopSettings(metadata.Type), createDefaultConfig(), newSink())
	require.NoError(t, err)
	require.NoError(t, created.Shutdown(t.Context()))
	require.NoError(t, created.Shutdown(t.Context()))
}
