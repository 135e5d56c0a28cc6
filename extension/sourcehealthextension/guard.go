package sourcehealthextension

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"go.opentelemetry.io/collector/config/confignet"
)

// contentSecurityPolicy lets the page load its own parts and nothing else, be shown in no frame, and make no HTML of text.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard sets what every answer says to browsers. Where only this machine may ask, it refuses requests that name another
// host: a page elsewhere that has its name lead to this machine (DNS rebinding) would otherwise read the answers. It sends
// no header of CORS, so no other page can.
func guard(next http.Handler, local bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", contentSecurityPolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if local && !isLocal(hostOf(r.Host)) {
			http.Error(w, "this page is for its own machine: open it as localhost, or set another http.endpoint for the extension", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// onlyLocal says whether an address is one that only this machine reaches.
func onlyLocal(address confignet.AddrConfig) bool {
	return address.Transport != confignet.TransportTypeUnix && isLocal(hostOf(address.Endpoint))
}

// isLocal says whether a host is this machine by any of its own names for itself.
func isLocal(host string) bool {
	if name := strings.ToLower(strings.TrimSuffix(host, ".")); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// hostOf is an address without its port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address // there is none
	}
	return strings.Trim(host, "[]")
}
