// Command notice writes the licences of the modules that the collector's binaries link, on every platform, or checks that
// they are written. `make distribution` and `make test` run it in the repository's folder, after `make build`, which has
// generated the sources of the collector and downloaded its modules.
package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const heading = `The programs of this project link the modules below, each under the licence that follows it. The project's own
licence is in LICENSE. This file is written by ` + "`make distribution`" + `.
`

func main() {
	check := flag.Bool("check", false, "check the file instead of writing it")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "notice:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	const file, sources = "NOTICE", "build"
	modules, err := linkedModules(sources)
	if err != nil {
		return err
	}
	text, err := notice(modules)
	if err != nil {
		return err
	}
	if !check {
		return os.WriteFile(file, text, 0o644)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(written, text) {
		return errors.New(file + " does not name the modules that are linked: run `make distribution`")
	}
	return nil
}

// linkedModules lists the modules that have packages in the program in a folder, each with its own folder, for all
// platforms.
func linkedModules(folder string) (map[string]string, error) {
	const format = `{{with .Module}}{{if not .Replace}}{{if not .Main}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{end}}{{end}}{{end}}`
	modules := map[string]string{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, processor := range []string{"amd64", "arm64"} {
			list := exec.Command("go", "list", "-deps", "-f", format, ".")
			list.Dir, list.Stderr = folder, os.Stderr
			list.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0")
			out, err := list.Output()
			if err != nil {
				return nil, fmt.Errorf("list the modules of the collector for %s/%s: %w", system, processor, err)
			}
			for line := range strings.Lines(string(out)) {
				if name, dir, found := strings.Cut(strings.TrimSpace(line), "\t"); found {
					modules[name] = dir
				}
			}
		}
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("find the Go standard library: %w", err)
	}
	modules["The Go standard library"] = strings.TrimSpace(string(root))
	return modules, nil
}

// notice returns the text of the file. Modules with the same licence share its text.
func notice(modules map[string]string) ([]byte, error) {
	texts := map[string]string{}    // by their words: line breaks vary
	linked := map[string][]string{} // the modules, by the words of a text
	for _, module := range slices.Sorted(maps.Keys(modules)) {
		found, err := licences(modules[module])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", module, err)
		}
		for _, text := range found {
			words := strings.Join(strings.Fields(text), " ")
			if linked[words] == nil {
				texts[words] = text
			}
			linked[words] = append(linked[words], module)
		}
	}
	order := slices.SortedFunc(maps.Keys(linked), func(a, b string) int {
		return cmp.Or(slices.Compare(linked[a], linked[b]), strings.Compare(a, b))
	})

	out := bytes.NewBufferString(heading)
	for _, words := range order {
		fmt.Fprintf(out, "\n%s\n%s\n\n%s", strings.Repeat("=", 80), strings.Join(linked[words], "\n"), texts[words])
	}
	return out.Bytes(), nil
}

// licences returns the texts in the top folder of a module that say under which terms it may be used.
func licences(folder string) ([]string, error) {
	isLicence := regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-.].*)?$`)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !isLicence.MatchString(entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		var text strings.Builder
		for line := range strings.Lines(strings.Trim(string(content), "\r\n")) {
			text.WriteString(strings.TrimRight(line, " \t\r\n") + "\n")
		}
		texts = append(texts, text.String())
	}
	if len(texts) == 0 {
		return nil, errors.New("there is no licence in " + folder)
	}
	return texts, nil
}
