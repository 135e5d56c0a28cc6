package status

// Origin says where a token comes from, so that advice names the one place to check.
type Origin struct {
	// place is as in `the token in api_secret`.
	place  string
	renews bool
}

// FromConfig returns the origin of a token that the configuration holds under a key.
func FromConfig(key string) Origin { return Origin{place: "in " + key} }

// FromExtension returns the origin of a token that the authenticator with an ID gives.
func FromExtension(id string) Origin { return Origin{place: "from the extension " + id, renews: true} }

// Renews says whether a source uses another token of this origin without a restart or reload.
func (o Origin) Renews() bool { return o.renews }

// token returns the words for the token.
func (o Origin) token() string { return "the token " + o.place }
