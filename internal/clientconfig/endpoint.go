package clientconfig

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ParseEndpoint returns the URL of an endpoint. It does not fail after Validate.
func ParseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		// The parser's error quotes the URL, which may hold a password.
		return nil, errors.New("endpoint: not a URL; write wss://host:port/path")
	}
	return u, nil
}

func (c *Config) validateEndpoint() error {
	u, err := ParseEndpoint(c.Endpoint)
	if err != nil {
		return err
	}
	var errs []error
	switch {
	case u.Scheme != "wss" && u.Scheme != "ws":
		// Without a scheme the other parts are not where they seem to be.
		return errors.New("endpoint: must be a URL that begins with wss:// " +
			"(or with ws://, for no encryption, together with tls.insecure: true)")
	case u.Scheme == "ws" && !c.TLS.Insecure:
		errs = append(errs, errors.New("endpoint: ws:// would send the token and the records unencrypted; write wss://, "+
			"or allow it with tls.insecure: true"))
	case u.Scheme == "wss" && c.TLS.Insecure:
		errs = append(errs, errors.New("tls.insecure: true is for an endpoint without TLS, that is ws://, but endpoint "+
			"begins with wss://; for TLS without a check of the certificate, set tls.insecure_skip_verify: true instead"))
	}
	if u.Hostname() == "" {
		errs = append(errs, errors.New("endpoint: names no host; write wss://host:port/path"))
	}
	if !validPort(u.Port()) {
		errs = append(errs, errors.New("endpoint: the port must be from 1 to 65535"))
	}
	if u.User != nil {
		errs = append(errs, errors.New("endpoint: must not hold a user or password; the token belongs in api_secret"))
	}
	if u.Fragment != "" {
		errs = append(errs, errors.New("endpoint: must not hold a fragment (#…)"))
	}
	return errors.Join(append(errs, validateQuery(u.RawQuery))...)
}

// validateQuery refuses the parameters that a session sets, in upper and lower case. A gateway in front of the service may
// need others.
func validateQuery(rawQuery string) error {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return errors.New("endpoint: the query (?…) cannot be read; write it as ?name=value&name=value, %-escaped")
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch strings.ToLower(name) {
		case "cid":
			errs = append(errs, fmt.Errorf("endpoint: must not hold the query parameter %s; write it as cluster_id", name))
		case "type":
			errs = append(errs, fmt.Errorf("endpoint: must not hold the query parameter %s; write it as supported_events", name))
		case "sincetime", "totime":
			errs = append(errs, fmt.Errorf("endpoint: must not hold the query parameter %s; it would switch from the live "+
				"stream to the archive, which is late and repeats records", name))
		}
	}
	return errors.Join(errs...)
}

// validPort returns whether a port is from 1 to 65535, or missing: the scheme has one.
func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 1 && n <= 65535
}
