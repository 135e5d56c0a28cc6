package podsim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// CA is a certificate authority of its own, for tests: its key is nowhere but in memory. What it issues is valid from
// 1999 on, so that it holds at the time of a synctest bubble, to 2099.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes a CA with a fresh key.
func NewCA() (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the CA's key: %w", err)
	}
	template := certTemplate("podsim CA")
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make the CA's certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the CA's certificate: %w", err)
	}
	return &CA{cert: cert, key: key}, nil
}

// Hosts are the names and addresses of a server certificate for which none are given.
func Hosts() []string {
	return []string{"localhost", "127.0.0.1", "::1", "logstream.proofpoint.com"}
}

// Server issues a certificate for a server with the given names and IP addresses. Default: Hosts.
func (ca *CA) Server(hosts ...string) (tls.Certificate, error) {
	return ca.issue(serverTemplate(hosts))
}

// Expired is Server for a certificate that is out of its dates.
func (ca *CA) Expired(hosts ...string) (tls.Certificate, error) {
	template := serverTemplate(hosts)
	template.NotAfter = template.NotBefore.Add(time.Hour)
	return ca.issue(template)
}

// serverTemplate is what the certificate of a server has in it.
func serverTemplate(hosts []string) *x509.Certificate {
	if len(hosts) == 0 {
		hosts = Hosts()
	}
	template := certTemplate(hosts[0])
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	return template
}

// Client issues a certificate for a client.
func (ca *CA) Client(name string) (tls.Certificate, error) {
	template := certTemplate(name)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return ca.issue(template)
}

// ServerConfig is the TLS configuration of a server with a certificate from Server. To ask for client certificates,
// set its ClientAuth and, to Pool, its ClientCAs.
func (ca *CA) ServerConfig(hosts ...string) (*tls.Config, error) {
	cert, err := ca.Server(hosts...)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		NextProtos:   []string{"http/1.1"}, // as the real service: a WebSocket needs it
	}, nil
}

// Pool holds the CA's certificate alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// PEM is the CA's certificate.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
}

// PEM is a certificate and its key as two files have them.
func PEM(cert tls.Certificate) (certPEM, keyPEM []byte, err error) {
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the key: %w", err)
	}
	var chain bytes.Buffer
	for _, der := range cert.Certificate {
		_ = pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a buffer takes everything
	}
	return chain.Bytes(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), nil
}

// issue signs a certificate with a fresh key.
func (ca *CA) issue(template *x509.Certificate) (tls.Certificate, error) {
	name := template.Subject.CommonName
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the key for %s: %w", name, err)
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign the certificate for %s: %w", name, err)
	}
	return tls.Certificate{Certificate: [][]byte{der, ca.cert.Raw}, PrivateKey: key}, nil
}

// certTemplate has what all certificates here have in common.
func certTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial()),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"podsim, not for production"}},
		NotBefore:    time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// serial is a random positive serial number.
func serial() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	b[0] &= 0x7f
	return b
}
