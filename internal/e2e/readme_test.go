package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// What README.md tells a user to type or to paste is tried here as it stands there. A command, or a block of another
// kind, that no test knows fails.

// block is a fenced block of README.md.
type block struct{ language, text string }

// blocks lists the fenced blocks of README.md that are of a language; without a name, those that say none.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var texts []string
	for _, b := range readme(t) {
		if b.language == language {
			texts = append(texts, b.text)
		}
	}
	require.NotEmpty(t, texts, "README.md has no %q", language)
	return texts
}

// readme lists the fenced blocks of README.md.
func readme(t *testing.T) []block {
	t.Helper()
	return fenced(t, "README.md")
}

// fenced lists the fenced blocks of a document.
func fenced(t *testing.T, document string) []block {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), document))
	require.NoError(t, err)
	var all []block
	inside := false
	for line := range strings.Lines(string(text)) {
		language, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && !inside:
			all = append(all, block{language: language})
			inside = true
		case fence:
			inside = false
		case inside:
			all[len(all)-1].text += line
		}
	}
	require.False(t, inside, "a block of %s has no end", document)
	return all
}

// manifestLines are what README.md adds to a manifest of one's own, with the path of this clone.
func manifestLines(t *testing.T) string {
	t.Helper()
	for _, text := range blocks(t, "yaml") {
		if isManifest(text) {
			return with(t, text, "/path/to/proofpointpod", root(t))
		}
	}
	require.FailNow(t, "README.md has no lines for a manifest")
	return ""
}

func isManifest(text string) bool { return strings.Contains(text, "gomod: ") }

// configuration is the one of README.md that has some text in it.
func configuration(t *testing.T, having string) string {
	t.Helper()
	for _, text := range blocks(t, "yaml") {
		if !isManifest(text) && strings.Contains(text, having) {
			return text
		}
	}
	require.FailNow(t, "README.md has no configuration with "+having)
	return ""
}

// with replaces a name in a text of README.md that every user has to replace.
func with(t *testing.T, text, name, value string) string {
	t.Helper()
	require.Contains(t, text, name)
	return strings.ReplaceAll(text, name, value)
}

// tokenFile is the file of a token in README.md.
const tokenFile = "/run/secrets/pod_token"

func TestReadme_hasNoBlockThatIsNotTried(t *testing.T) {
	manifests := 0
	for _, b := range readme(t) {
		switch b.language {
		case "sh", "": // each line by TestReadme_commandsDoWhatItSays
		case "yaml":
			if isManifest(b.text) {
				manifests++ // by TestBuild_theReceiverFitsIntoACollectorOfOnesOwn
				continue
			}
			// by TestReadme_configurationsCollect
			assert.Contains(t, b.text, "receivers:\n", "no whole configuration, so nobody can start it")
			assert.Contains(t, b.text, "service:\n", "no whole configuration, so nobody can start it")
		case "json": // a health event: what it shows is there
			event := json.NewDecoder(strings.NewReader(b.text))
			event.DisallowUnknownFields()
			assert.NoError(t, event.Decode(&sourcehealth.Event{}))
		default:
			assert.Fail(t, "nobody tries a block of "+b.language, b.text)
		}
	}
	assert.Equal(t, 1, manifests)
}

func TestReadme_configurationsCollect(t *testing.T) {
	events := regexp.MustCompile(`supported_events: \[(.*)\]`)
	for i, text := range blocks(t, "yaml") {
		if isManifest(text) {
			continue
		}
		t.Run(strconv.Itoa(i+1), func(t *testing.T) {
			if strings.Contains(text, tokenFile) {
				text = with(t, text, tokenFile, file(t, "pod_token", podsim.Token+"\n"))
			}
			path := file(t, "readme.yaml", text)
			validated := start(t, t.TempDir(), []string{"POD_CLUSTER_ID=made-up", "POD_API_SECRET=made-up"},
				binary(t, "otelcol-proofpointpod"), "validate", "--config="+path)
			require.Zero(t, validated.exitCode())

			s := startService(t, podsim.Options{})
			collector := startCollector(t, s, path, t.TempDir(), "")
			sent := 0
			listed := events.FindStringSubmatch(text)
			require.NotNil(t, listed)
			for name := range strings.SplitSeq(listed[1], ", ") {
				s.waitLive(podlog.EventType(name))
				sent += len(s.Generate(podlog.EventType(name), 10))
			}
			eventually(t, func() bool { return shown(t, collector) == sent },
				func() string { return fmt.Sprintf("%d of %d records are shown", shown(t, collector), sent) })
			collector.stop()
		})
	}
}

// shown is how many records the debug exporter has told of.
func shown(t *testing.T, p *process) int {
	t.Helper()
	sum := 0
	for _, match := range regexp.MustCompile(`"log records": (\d+)`).FindAllStringSubmatch(p.out.String(), -1) {
		n, err := strconv.Atoi(match[1])
		require.NoError(t, err)
		sum += n
	}
	return sum
}

func TestReadme_commandsDoWhatItSays(t *testing.T) {
	// Each line that a user is told to type, and what shows that it works.
	tries := map[string]func(t *testing.T, line string){
		"git clone https://github.com/proofpointpod/otelcol proofpointpod && cd proofpointpod": tryClone,
		"make run": tryMakeRun,
		"POD_CLUSTER_ID=your-cluster POD_API_SECRET=your-token make run": tryMakeRunOnService,

		"bin/otelcol-proofpointpod --config config/otlp.yaml": tryOTLP,
		"bin/otelcol-proofpointpod --config config/collector.yaml --config config/otlp.yaml " +
			"--config 'yaml:service::pipelines::logs::exporters: [file, otlp_http]' " +
			"--config 'yaml:service::extensions: [file_storage, source_health]'": tryFileAndOTLP,
		"bin/otelcol-proofpointpod --config config/health.yaml " +
			"--feature-gates=+extension.healthcheck.useComponentStatus": tryHealth,
		"bin/otelcol-proofpointpod --config config/health.yaml --config config/otlp.yaml " +
			"--config 'yaml:service::extensions: [file_storage, health_check, source_health, zpages]' " +
			"--feature-gates=+extension.healthcheck.useComponentStatus": tryHealthWithOTLP,

		"bin/podsim -listen 127.0.0.1:8443 -ca-out ca.pem -cluster-id demo -token demo-token " +
			"-replay message=captured.json": tryReplay,
	}
	for _, text := range blocks(t, "sh") {
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			t.Run(line, func(t *testing.T) {
				try := tries[line]
				require.NotNil(t, try, "no test runs this command")
				try(t, line)
			})
			delete(tries, line)
		}
	}
	assert.Empty(t, slices.Collect(maps.Keys(tries)), "README.md does not have these commands any more")
}

// tryClone clones this repository in place of the public one.
func tryClone(t *testing.T, line string) {
	t.Helper()
	gitConfig := fmt.Sprintf("[url %q]\n\tinsteadOf = https://github.com/proofpointpod/otelcol\n[safe]\n\tdirectory = *\n", root(t))
	clone := start(t, t.TempDir(), []string{
		"GIT_CONFIG_GLOBAL=" + file(t, "gitconfig", gitConfig),
		"GIT_ALLOW_PROTOCOL=file", // whatever happens, not the public one
	}, "sh", "-c", line+" && make")
	require.Zero(t, clone.exitCode())
	assert.Contains(t, clone.out.String(), "make run", "the list of targets")
}

func tryMakeRun(t *testing.T, line string) {
	t.Helper()
	said := makeRun(t, line)
	// The address of a page, and the folder, are not those of README.md in a test.
	address := regexp.MustCompile(`http://[^/]+|\S*records\.json`)
	plain := func(text string) string { return address.ReplaceAllString(text, "…") }
	shows := blocks(t, "")
	require.Len(t, shows, 1)
	assert.Contains(t, plain(said), plain(shows[0]))
}

// tryMakeRunOnService leads logstream.proofpoint.com to the simulator: by a proxy, and a CA in place of the system's.
func tryMakeRunOnService(t *testing.T, line string) {
	t.Helper()
	if runtime.GOOS == "darwin" {
		t.Skip("SSL_CERT_FILE, which makes the simulator trusted, is not heard there")
	}
	s := startService(t, podsim.Options{ClusterID: "your-cluster", Tokens: []string{"your-token"}})
	s.Generate(podlog.Message, 1200)
	proxy, address := startProxy(t, s, podsim.ProxyOptions{})
	said := makeRun(t, line, "HTTPS_PROXY=http://"+address, "SSL_CERT_FILE="+s.caFile)
	assert.Contains(t, said, "on the Proofpoint on Demand Log Service, cluster your-cluster.")
	assert.NotContains(t, said, "your-token", "the secret was printed")
	assert.Contains(t, proxy.Asked(), "logstream.proofpoint.com:443")
}

func tryOTLP(t *testing.T, line string) {
	t.Helper()
	s := startService(t, podsim.Options{})
	b := startBackend(t)
	s.Generate(podlog.Message, 10)
	collector := typedCollector(t, s, line, "OTLP_ENDPOINT="+b.URL)
	_, arrived := b.waitCount(10)
	ctrlC(collector)
	assertExactlyOnce(t, s.produced(podlog.Message), arrived)
	assert.Contains(t, collector.out.String(), "Shutdown complete.")
}

func tryFileAndOTLP(t *testing.T, line string) {
	t.Helper()
	s := startService(t, podsim.Options{})
	b := startBackend(t)
	s.Generate(podlog.Message, 10)
	data := t.TempDir()
	records := &recordFile{t: t, path: filepath.Join(data, "records.json")}
	collector := typedCollector(t, s, line, "OTLP_ENDPOINT="+b.URL, "POD_DATA_DIR="+data)
	collector.waitFor("the health of sources is shown")
	_, arrived := b.waitCount(10)
	records.waitCount(10)
	ctrlC(collector)
	assertExactlyOnce(t, s.produced(podlog.Message), arrived)
	assertExactlyOnce(t, s.produced(podlog.Message), records.read())
}

func tryHealth(t *testing.T, line string) {
	t.Helper()
	s := startService(t, podsim.Options{})
	health := reservedAddress(t)
	ports := file(t, "ports.yaml", onPorts(health, reservedAddress(t), reservedAddress(t)))
	collector := typedCollector(t, s, line+" --config "+ports)
	collector.waitFor(ready)
	waitState(t, health, "Collecting")
	ctrlC(collector)
	assert.Contains(t, collector.out.String(), "Shutdown complete.")
}

func tryHealthWithOTLP(t *testing.T, line string) {
	t.Helper()
	s := startService(t, podsim.Options{})
	b := startBackend(t)
	s.Generate(podlog.Message, 10)
	health := reservedAddress(t)
	ports := file(t, "ports.yaml", onPorts(health, reservedAddress(t), reservedAddress(t)))
	collector := typedCollector(t, s, line+" --config "+ports, "OTLP_ENDPOINT="+b.URL)
	_, arrived := b.waitCount(10)
	waitState(t, health, "Collecting")
	ctrlC(collector)
	assertExactlyOnce(t, s.produced(podlog.Message), arrived)
}

// tryReplay aims a collector at the simulator with the settings that README.md names, but for the port.
func tryReplay(t *testing.T, line string) {
	t.Helper()
	dir := folder(t)
	sent := capture(t, filepath.Join(dir, "captured.json"))
	simulator, s := startSimulator(t, dir, line)
	text, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	require.NoError(t, err)
	records := &recordFile{t: t, path: filepath.Join(dir, "records.json")}
	args := []string{
		featureGate,
		"--config=" + file(t, "least.yaml", configuration(t, "api_secret:")),
		"--config=" + file(t, "watched.yaml", watched(reservedAddress(t), records.path)),
	}
	for _, setting := range []string{
		"cluster_id: demo", "api_secret: demo-token", "endpoint: wss://127.0.0.1:8443/v1/stream", "tls.ca_file: ca.pem",
	} {
		require.Contains(t, strings.Join(strings.Fields(string(text)), " "), "`"+setting+"`")
		if strings.HasPrefix(setting, "endpoint: ") {
			setting = "endpoint: " + s.url
		}
		args = append(args, "--config=yaml:receivers::proofpointpod::"+strings.Replace(setting, "tls.", "tls::", 1))
	}
	collector := start(t, dir, nil, binary(t, "otelcol-proofpointpod"), args...)
	records.waitCount(len(sent))
	collector.stop()
	ctrlC(simulator)
	assertExactlyOnce(t, sent, records.read())
}

// typedCollector starts a collector by a command line, aimed at the service.
func typedCollector(t *testing.T, s *service, line string, env ...string) *process {
	t.Helper()
	return typed(t, folder(t), line+" --config "+aim(t, s),
		append(env, "POD_CLUSTER_ID="+podsim.ClusterID, "POD_API_SECRET="+podsim.Token)...)
}

// folder is a folder with what a user has around who types commands: bin and config.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"bin", "config"} {
		require.NoError(t, os.Symlink(filepath.Join(root(t), name), filepath.Join(dir, name)))
	}
	return dir
}

// typed starts a command line as a shell does.
func typed(t *testing.T, dir, line string, env ...string) *process {
	t.Helper()
	return start(t, dir, env, "sh", "-c", line)
}

// ctrlC ends what was typed as a terminal does, and waits for its end. The exit code says little: that of make is
// another than that of what it ran.
func ctrlC(p *process) {
	p.t.Helper()
	require.NoError(p.t, signalGroup(p.cmd.Process.Pid, syscall.SIGINT))
	p.exitCode()
}

// capture writes a file of records as one may have captured them, in an array and laid out, and returns what is to come
// of it.
func capture(t *testing.T, path string) []string {
	t.Helper()
	var all []string
	for i := range 5 {
		all = append(all, string(recordOf(i, 300)))
	}
	var text bytes.Buffer
	require.NoError(t, json.Indent(&text, []byte("["+strings.Join(all, ",")+"]"), "", "  "))
	require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
	return all
}

// startSimulator starts the built simulator by a command line, on a port that is free. It is the service that it plays,
// as far as a process of its own can be asked.
func startSimulator(t *testing.T, dir, line string) (*process, *service) {
	t.Helper()
	const listening = "ready.json"
	p := typed(t, dir, line+" -listen 127.0.0.1:0 -ready-file "+listening)
	var addresses struct {
		Endpoint string `json:"endpoint"`
		CAFile   string `json:"ca_file"`
	}
	eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(dir, listening))
		return err == nil && json.Unmarshal(text, &addresses) == nil
	}, func() string { return p.out.String() })
	return p, &service{t: t, url: addresses.Endpoint, caFile: addresses.CAFile}
}

// waitState waits until the health page tells of a state of the source, and returns what else it tells.
func waitState(t *testing.T, health, state string) componentStatus {
	t.Helper()
	page := func() []byte { return get(t, "http://"+health+"/status?verbose") }
	eventually(t, func() bool { return receiverStatus(t, page()).Attributes.State == state },
		func() string { return string(page()) })
	return receiverStatus(t, page())
}

// A user of Sumo Logic's hosted source cuts the config object out of its JSON, layout and all, and writes the token in
// place of the asterisks.
func TestReadme_sumoLogicsConfigCollects(t *testing.T) {
	const hosted = `{
  "api.version": "v1",
  "source": {
    "schemaRef": {
      "type": "Proofpoint On Demand"
    },
    "config": {
      "name": "PoD of example.com",
      "description": "all mail",
      "category": "mail/pod",
      "fields": {
        "_siemForward": true,
        "team": "secops"
      },
      "cluster_id": "example_hosted",
      "api_secret": "********",
      "supported_events": [
        "message",
        "maillog"
      ]
    }
  }
}`
	const token = "made-up-token"
	_, pasted, _ := strings.Cut(hosted, `"config": `)
	pasted = with(t, strings.TrimSuffix(pasted, "\n  }\n}"), "********", token)
	_, rest, _ := strings.Cut(configuration(t, "api_secret:"), "exporters:")
	text := "receivers:\n  proofpointpod: " + pasted + "\nexporters:" + rest

	s := startService(t, podsim.Options{ClusterID: "example_hosted", Tokens: []string{token}})
	s.Generate(podlog.Message, 10)
	s.Generate(podlog.Maillog, 10)
	records := &recordFile{t: t, path: filepath.Join(t.TempDir(), "records.json")}
	collector := startCollector(t, s, file(t, "pasted.yaml", text), t.TempDir(), watched(reservedAddress(t), records.path))
	records.waitCount(20)
	collector.stop()
	assertExactlyOnce(t, s.produced(podlog.Message, podlog.Maillog), records.read())
	for _, r := range records.all {
		require.Subset(t, r.resource, map[string]any{
			"_source": "PoD of example.com", "_sourceCategory": "mail/pod", "team": "secops",
		})
		require.Equal(t, "true", r.record.Attributes().AsRaw()["_siemForward"])
	}
	assert.NotContains(t, collector.out.String(), token, "the secret was printed")
}
