package podsim

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strconv"
)

// socksVersion begins each SOCKS5 message (RFC 1928).
const socksVersion = 5

// The codes of SOCKS5 that are used here.
const (
	socksNoAuth       = 0
	socksPassword     = 2
	socksNoMethod     = 0xff
	socksConnect      = 1
	socksIPv4         = 1
	socksName         = 3
	socksIPv6         = 4
	socksFailure      = 1
	socksNotSupported = 7
)

// socksConnect answers one SOCKS5 CONNECT. It returns nil if the connection is not to be had.
func (p *Proxy) socksConnect(client net.Conn, r *bufio.Reader) net.Conn {
	if !p.socksGreet(client, r) {
		return nil
	}
	answer := func(code byte) error {
		_, err := client.Write([]byte{socksVersion, code, 0, socksIPv4, 0, 0, 0, 0, 0, 0})
		return err
	}
	command, addr, err := socksRequest(r)
	if err != nil {
		return nil
	}
	p.ask(addr)
	if command != socksConnect {
		_ = answer(socksNotSupported) // the connection ends in any case
		return nil
	}
	server, err := p.dial(addr)
	if err != nil {
		_ = answer(socksFailure) // the connection ends in any case
		return nil
	}
	if answer(0) != nil {
		_ = server.Close()
		return nil
	}
	return server
}

// socksGreet agrees on a method of authentication and does it.
func (p *Proxy) socksGreet(client net.Conn, r *bufio.Reader) bool {
	if _, err := r.ReadByte(); err != nil { // the version, which is known
		return false
	}
	methods, err := socksBytes(r)
	if err != nil {
		return false
	}
	want := byte(socksNoAuth)
	if p.opts.User != "" {
		want = socksPassword
	}
	if !slices.Contains(methods, want) {
		_, _ = client.Write([]byte{socksVersion, socksNoMethod}) // the connection ends in any case
		return false
	}
	_, err = client.Write([]byte{socksVersion, want})
	return err == nil && (want == socksNoAuth || p.socksLogin(client, r))
}

// socksLogin checks user and password (RFC 1929).
func (p *Proxy) socksLogin(client net.Conn, r *bufio.Reader) bool {
	if _, err := r.ReadByte(); err != nil { // the version of the login
		return false
	}
	user, err := socksBytes(r)
	if err != nil {
		return false
	}
	password, err := socksBytes(r)
	if err != nil {
		return false
	}
	good := string(user) == p.opts.User && string(password) == p.opts.Password
	status := byte(socksFailure)
	if good {
		status = 0
	}
	_, err = client.Write([]byte{1, status})
	return good && err == nil
}

// socksRequest reads a request.
func socksRequest(r *bufio.Reader) (command byte, addr string, err error) {
	var head [4]byte // version, command, reserved, kind of address
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return 0, "", err
	}
	var host string
	switch head[3] {
	case socksName:
		var name []byte
		name, err = socksBytes(r)
		host = string(name)
	case socksIPv4, socksIPv6:
		ip := make(net.IP, net.IPv4len)
		if head[3] == socksIPv6 {
			ip = make(net.IP, net.IPv6len)
		}
		_, err = io.ReadFull(r, ip)
		host = ip.String()
	}
	if err != nil {
		return 0, "", err
	}
	var port [2]byte
	if _, err = io.ReadFull(r, port[:]); err != nil {
		return 0, "", err
	}
	return head[1], net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port[:])))), nil
}

// socksBytes reads a length and so many bytes.
func socksBytes(r *bufio.Reader) ([]byte, error) {
	n, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}
