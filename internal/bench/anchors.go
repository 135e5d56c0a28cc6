package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gorilla/websocket"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// bufferSize is that of the anchors that have a buffer of their own: several TLS records.
const bufferSize = 64 << 10

// batchRecords is how many records are a batch, as in the receiver.
const batchRecords = 100

// errNotJSON ends a naive receiver: what the server sends is JSON.
var errNotJSON = errors.New("a record that is no JSON object")

// endpoint is where a client finds the server, but for the event type.
func (s service) endpoint(play string) string {
	return (&url.URL{Scheme: "wss", Host: s.Address, Path: podsim.Path, RawQuery: url.Values{"play": {play}}.Encode()}).String()
}

// url is where a client finds a workload.
func (s service) url(play, workload string) string {
	return s.endpoint(play) + "&type=" + string(eventType(workload))
}

// eventType is that of a workload's records.
func eventType(workload string) podlog.EventType {
	if workload == maillogs {
		return podlog.Maillog
	}
	return podlog.Message
}

// secure is the TLS configuration of a client.
func (s service) secure() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(s.CA))
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, NextProtos: []string{"http/1.1"}}
}

// dial opens a session with gorilla, which ends with ctx; done is to be called when it is not read any more. A readBuffer
// of 0 is gorilla's default, 4096 bytes.
func dial(ctx context.Context, v *variant, from service, play string, readBuffer int) (conn *websocket.Conn, done func(), err error) {
	dialer := websocket.Dialer{TLSClientConfig: from.secure(), ReadBufferSize: readBuffer, HandshakeTimeout: 10 * time.Second}
	conn, answer, err := dialer.DialContext(ctx, from.url(play, v.workloads[0]), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("open a session: %w", err)
	}
	_ = answer.Body.Close() // there is none
	bare := conn.NetConn().(*tls.Conn).NetConn()
	stop := context.AfterFunc(ctx, func() { _ = bare.Close() })
	return conn, func() { stop(); _ = bare.Close() }, nil
}

// ended is nil where an error comes of the end of ctx.
func ended(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// discardMessages is the loop of gorilla's examples, and of most clients: ReadMessage, and nothing done with what it
// returns.
func discardMessages(ctx context.Context, v *variant, from service, play string, count counter) error {
	conn, done, err := dial(ctx, v, from, play, 0)
	if err != nil {
		return err
	}
	defer done()
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return ended(ctx, err)
		}
		count(v.workloads[0], 1)
	}
}

// discardReused reads the same into a buffer that is used again, and through a larger one.
func discardReused(ctx context.Context, v *variant, from service, play string, count counter) error {
	conn, done, err := dial(ctx, v, from, play, bufferSize)
	if err != nil {
		return err
	}
	defer done()
	buffer := make([]byte, bufferSize)
	for {
		_, message, err := conn.NextReader()
		for length := 0; err == nil; {
			if length == len(buffer) {
				buffer = slices.Grow(buffer, length)[:2*length]
			}
			var n int
			n, err = message.Read(buffer[length:])
			length += n
		}
		if !errors.Is(err, io.EOF) {
			return ended(ctx, err)
		}
		count(v.workloads[0], 1)
	}
}

// discardBytes reads what comes out of TLS, and knows of no frames.
func discardBytes(ctx context.Context, v *variant, from service, play string, count counter) error {
	conn, err := (&tls.Dialer{Config: from.secure()}).DialContext(ctx, "tcp", from.Address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	bare := conn.(*tls.Conn).NetConn()
	stop := context.AfterFunc(ctx, func() { _ = bare.Close() })
	defer func() { stop(); _ = bare.Close() }()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.url(play, v.workloads[0]), nil)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
	} {
		request.Header.Set(name, value)
	}
	if err := request.Write(conn); err != nil {
		return ended(ctx, err)
	}
	buffered := bufio.NewReader(conn)
	answer, err := http.ReadResponse(buffered, request)
	if err != nil {
		return ended(ctx, err)
	}
	_ = answer.Body.Close() // there is none
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("open a session: %s", answer.Status)
	}
	lap := from.Workloads[v.workloads[0]]
	bytes, told := buffered.Buffered(), 0
	buffer := make([]byte, bufferSize)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return ended(ctx, err)
		}
		bytes += n
		records := bytes * lap.Records / lap.Wire // as many as there are on average in so many bytes
		count(v.workloads[0], records-told)
		told = records
	}
}

// readNaively is a receiver as it is written first: ReadMessage, encoding/json, and pdata from what that returns.
func readNaively(ctx context.Context, v *variant, from service, play string, count counter) error {
	conn, done, err := dial(ctx, v, from, play, 0)
	if err != nil {
		return err
	}
	defer done()
	batch := func() plog.LogRecordSlice {
		return plog.NewLogs().ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	}
	records := batch()
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return ended(ctx, err)
		}
		if err := putNaively(records.AppendEmpty(), data); err != nil {
			return err
		}
		if records.Len() == batchRecords {
			records = batch()
		}
		count(v.workloads[0], 1)
	}
}

func putNaively(record plog.LogRecord, data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return errNotJSON
	}
	ts, _ := object["ts"].(string)
	if at, err := time.Parse("2006-01-02T15:04:05.999999999-0700", ts); err == nil {
		record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	}
	record.SetObservedTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	record.Attributes().PutStr("event", "proofpoint")
	return record.Body().SetEmptyMap().FromRaw(object)
}
