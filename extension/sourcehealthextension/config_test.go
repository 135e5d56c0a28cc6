package sourcehealthextension

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
)

// load reads a configuration as the collector does.
func load(values map[string]any) (*Config, error) {
	config := createDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(values).Unmarshal(config); err != nil {
		return nil, err
	}
	return config, confmap.Validate(config)
}

func TestConfig_isCompleteByDefault(t *testing.T) {
	config, err := load(nil)
	require.NoError(t, err)
	assert.Equal(t, "localhost:13134", config.HTTP.NetAddr.Endpoint)
	assert.Equal(t, 1000, config.History.MaxEvents)
	assert.Nil(t, config.Storage)
}

func TestConfig_readsWhatTheServerTakes(t *testing.T) {
	config, err := load(map[string]any{
		"http": map[string]any{
			"endpoint": "0.0.0.0:8443",
			"tls":      map[string]any{"cert_file": "cert.pem", "key_file": "key.pem"},
			"auth":     map[string]any{"authenticator": "basicauth"},
		},
		"storage": "file_storage/pod",
		"history": map[string]any{"max_events": 50},
	})
	require.NoError(t, err)
	assert.Equal(t, "cert.pem", config.HTTP.TLS.Get().CertFile)
	assert.True(t, config.HTTP.Auth.HasValue())
	assert.Equal(t, component.MustNewIDWithName("file_storage", "pod"), *config.Storage)
	assert.Equal(t, 50, config.History.MaxEvents)
}

func TestConfig_namesEveryMistake(t *testing.T) {
	_, err := load(map[string]any{
		"http": map[string]any{
			"endpoint": "localhost",
			"cors":     map[string]any{"allowed_origins": []any{"https://example.com"}},
		},
		"history": map[string]any{"max_events": 0},
	})
	require.Error(t, err)
	for _, text := range []string{
		`http.endpoint: "localhost" is no address; write host:port, such as localhost:13134`,
		"http.cors: not allowed",
		"history.max_events: 0 is not allowed; write a number from 10 to 10000",
	} {
		assert.ErrorContains(t, err, text)
	}
	_, err = load(map[string]any{"http": map[string]any{"endpoint": ""}})
	assert.ErrorContains(t, err, "http.endpoint: required")
	_, err = load(map[string]any{"http": map[string]any{"endpoint": "localhost:http"}})
	assert.ErrorContains(t, err, `http.endpoint: "http" is no port`)
}

func TestConfig_refusesUnknownKeys(t *testing.T) {
	_, err := load(map[string]any{"max_events": 5})
	assert.ErrorContains(t, err, "max_events")
	_, err = load(map[string]any{"history": map[string]any{"events": 5}})
	assert.ErrorContains(t, err, "events")
	_, err = load(map[string]any{"http": map[string]any{"endpont": "localhost:1"}})
	assert.ErrorContains(t, err, "endpont")
}

func TestStart_namesAStorageThatIsNotThere(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.Storage = &storageID
	e := newSourceHealth(settingsOf(t), config)
	err := e.Start(t.Context(), componenttest.NewNopHost())
	assert.ErrorContains(t, err, `storage: there is no extension "memory_storage" in service.extensions`)
	err = e.Start(t.Context(), host{e})
	assert.ErrorContains(t, err, `storage: the extension "memory_storage" does not store`)
	require.NoError(t, e.Shutdown(t.Context()))
	assert.Equal(t, []component.ID{storageID}, e.Dependencies(), "it is started first")
}

func TestStart_namesAnAddressThatIsTaken(t *testing.T) {
	p := startPage(t, host{}, nil)
	config := createDefaultConfig().(*Config)
	config.HTTP.NetAddr.Endpoint = p.url[len("http://"):]
	e := newSourceHealth(settingsOf(t), config)
	err := e.Start(t.Context(), host{})
	assert.ErrorContains(t, err, "set another http.endpoint for the extension source_health")
	require.NoError(t, e.Shutdown(t.Context()))
}

func TestStart_namesWhatTheServerLacks(t *testing.T) {
	for want, change := range map[string]func(*confighttp.ServerConfig){
		"http.tls: the page can't be served": func(server *confighttp.ServerConfig) {
			server.TLS = configoptional.Some(configtls.ServerConfig{Config: configtls.Config{CertFile: "nowhere.pem", KeyFile: "nowhere.pem"}})
		},
		"http: the page can't be served": func(server *confighttp.ServerConfig) {
			server.Auth = configoptional.Some(confighttp.AuthConfig{
				Config: configauth.Config{AuthenticatorID: component.MustNewID("nowhere")},
			})
		},
	} {
		config := createDefaultConfig().(*Config)
		config.HTTP.NetAddr.Endpoint = "127.0.0.1:0"
		change(&config.HTTP)
		e := newSourceHealth(settingsOf(t), config)
		err := e.Start(t.Context(), host{})
		require.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "nowhere")
		assert.NotContains(t, err.Error(), "http.endpoint", "it is not the address")
		require.NoError(t, e.Shutdown(t.Context()))
	}
}
