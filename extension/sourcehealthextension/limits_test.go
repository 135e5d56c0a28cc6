package sourcehealthextension

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// send opens a connection to the page and sends a text, which need not be a whole request. Nobody reads the answer.
func (p *page) send(text string) net.Conn {
	p.t.Helper()
	conn, err := new(net.Dialer).DialContext(p.t.Context(), "tcp", strings.TrimPrefix(p.url, "http://"))
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = conn.Close() })
	_, _ = conn.Write([]byte(text)) // the page may have closed it
	return conn
}

// established returns how many connections the page has, from the system's table.
func (p *page) established() int {
	p.t.Helper()
	if runtime.GOOS != "linux" {
		p.t.Skip("there is no /proc/net/tcp")
	}
	table, err := os.ReadFile("/proc/net/tcp")
	require.NoError(p.t, err)
	address, err := url.Parse(p.url)
	require.NoError(p.t, err)
	var port int
	_, err = fmt.Sscan(address.Port(), &port)
	require.NoError(p.t, err)
	n := 0
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line) // number, local address, remote address, state
		if strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) && fields[3] == "01" {
			n++
		}
	}
	return n
}

func TestPage_halfOpenRequestsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	p := startPage(t, host{}, nil)
	for range 1500 {
		p.send("GET / HTTP/1.1\r\nHost: local")
	}
	answer, _ := p.do(http.MethodGet, pathSources, nil)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.LessOrEqual(t, p.established(), maxConnections)
	assert.Eventually(t, func() bool { return p.established() == 0 }, 3*headerWait, 100*time.Millisecond,
		"a header has 5 seconds")
}

// The history is longer than what systems hold for a client that does not read.
func TestStream_unreadOnesAreClosedAndKeepNobodyOut(t *testing.T) {
	t.Parallel()
	p := startPage(t, host{}, nil)
	for i := range 20 {
		event := warning(fmt.Sprint(i), fmt.Sprint(i))
		event.Details.ErrorInfo = strings.Repeat("long ", 1<<13)
		p.HealthEvent(event)
	}
	for range 100 {
		p.send("GET " + pathStream + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	assert.Eventually(t, func() bool { return p.established() <= thisMachine.share(maxWatchers) }, writeWait/2, 10*time.Millisecond,
		"a new one takes the place of the oldest")
	l := p.listen()
	for range 3 {
		name, _ := l.next()
		assert.NotEmpty(t, name)
	}
	assert.Eventually(t, func() bool { return p.established() <= 1 }, 6*writeWait, 100*time.Millisecond,
		"who does not read is dropped")
	name, _ := l.next()
	assert.NotEmpty(t, name, "who reads stays")
}

// A reverse proxy on this machine is one address for all who come through it.
func TestPage_manyPeopleComeThroughAReverseProxy(t *testing.T) {
	t.Parallel()
	p := startPage(t, host{}, nil)
	p.AddSource(sourceID, func() sourcehealth.Report { return collecting(sourceID) })
	target, err := url.Parse(p.url)
	require.NoError(t, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = "localhost"
	}})
	defer proxy.Close()
	through := *p
	through.url = proxy.URL
	var people []*listener
	for range 40 {
		for path := range parts(t) {
			answer, _ := through.do(http.MethodGet, path, nil)
			require.Equal(t, http.StatusOK, answer.StatusCode)
		}
		people = append(people, through.listen())
	}
	for range 6 { // the tabs of a browser on this machine
		people = append(people, p.listen())
	}
	for range 4 {
		for i, l := range people {
			name, _ := l.next()
			require.NotEmpty(t, name, i)
		}
	}
	for _, l := range people {
		_ = l.answer.Body.Close()
	}
}

// remoteConn is a connection of a client elsewhere.
type remoteConn struct {
	net.Conn
	from   string
	closed bool
}

func (c *remoteConn) RemoteAddr() net.Addr {
	address, _ := net.ResolveTCPAddr("tcp", c.from)
	return address
}

func (c *remoteConn) Close() error { c.closed = true; return nil }

func TestConnections_areLimitedForEachClient(t *testing.T) {
	limits := newConnections()
	limits.limit = 40
	enter := func(from string) (*remoteConn, *connection) {
		conn := &remoteConn{from: from}
		return conn, limits.enter(t.Context(), conn).Value(connectionKey{}).(*connection)
	}
	other, _ := enter("192.0.2.2:1")
	var all []*remoteConn
	for i := range 100 { // addresses of one /64 are one client
		conn, entered := enter(fmt.Sprintf("[2001:db8::%x]:1", i+1))
		if i < 5 {
			limits.answer(entered, 1)
		}
		all = append(all, conn)
	}
	assert.Len(t, limits.open, 10+1, "a quarter is for one client")
	assert.False(t, other.closed)
	for i, conn := range all {
		assert.Equal(t, i >= 5 && i < 95, conn.closed, "who is answered stays, and the newest (%d)", i)
	}
	for i := range 100 {
		enter(fmt.Sprintf("198.51.100.%d:1", i))
	}
	assert.Len(t, limits.open, 40)
	assert.True(t, other.closed, "the oldest that waits made room")
	for conn := range limits.open {
		limits.answer(limits.open[conn], 1)
	}
	late, _ := enter("203.0.113.1:1")
	assert.True(t, late.closed, "all are being answered")
	assert.Len(t, limits.open, 40)
}

// Where the process may open few files, unread streams do not take all connections.
func TestConnections_leaveFilesToTheSources(t *testing.T) {
	for limit := minConnections; limit < maxConnections; limit++ {
		for _, c := range []client{thisMachine, "192.0.2.1"} {
			assert.Less(t, c.share(newWatchers(limit).limit), c.share(limit))
		}
	}
	limits := newConnections()
	assert.LessOrEqual(t, limits.limit, max(minConnections, maxFiles()/4))
	assert.Equal(t, []client{thisMachine, thisMachine, thisMachine, thisMachine, "192.0.2.1", "2001:db8::/64"}, []client{
		clientOf("127.0.0.1:1"), clientOf("[::1]:1"), clientOf("[::ffff:127.0.0.1]:1"), clientOf("@"),
		clientOf("192.0.2.1:1"), clientOf("[2001:db8::1%eth0]:1"),
	})
}

func TestWatchers_areLimitedForEachClient(t *testing.T) {
	w := newWatchers(maxConnections)
	other, leave := w.enter(t.Context(), "other")
	defer leave()
	enter := func(c client) context.Context {
		seated, leave := w.enter(t.Context(), c)
		t.Cleanup(leave)
		return seated
	}
	var greedy []context.Context
	for range maxWatchers {
		greedy = append(greedy, enter("greedy"))
	}
	assert.Len(t, w.present, maxWatchers/4+1)
	assert.NoError(t, other.Err())
	assert.Error(t, greedy[0].Err(), "the oldest made room")
	assert.NoError(t, greedy[maxWatchers-1].Err())
	for i := range maxWatchers {
		if i == maxWatchers-maxWatchers/4 {
			assert.NoError(t, other.Err())
		}
		enter(client(fmt.Sprint(i)))
	}
	assert.Len(t, w.present, maxWatchers)
	assert.Error(t, greedy[maxWatchers-1].Err(), "the client that has most makes room first")
	assert.Error(t, other.Err(), "then the oldest")
}
