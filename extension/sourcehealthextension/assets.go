package sourcehealthextension

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"path"
	"time"
)

// assets are the parts of the page. They need nothing from elsewhere.
//
//go:embed assets
var assets embed.FS

// addAssets serves index.html as the page, and the other files beside it.
func addAssets(mux *http.ServeMux) {
	files, err := assets.ReadDir("assets")
	if err != nil {
		panic(err) // the program was built without its files
	}
	for _, file := range files {
		name := file.Name()
		text, err := assets.ReadFile(path.Join("assets", name))
		if err != nil {
			panic(err)
		}
		pattern := "GET /" + name
		if name == "index.html" {
			pattern = "GET /{$}"
		}
		mux.Handle(pattern, asset(name, text))
	}
}

// asset serves one file. Browsers ask each time whether it is still the same, so a new version of the collector is seen
// at once.
func asset(name string, text []byte) http.Handler {
	tag := fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(text)))
	contentType := map[string]string{
		".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8",
		".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}[path.Ext(name)]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
	})
}
