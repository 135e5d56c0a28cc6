package status

// Origin says where a token comes from, so that what is told of the token names the one place to look at.
type Origin struct {
	// place is as in `the token in api_secret`.
	place  string
	renews bool
}

// FromConfig is the origin of a token that the configuration holds under a key.
func FromConfig(key string) Origin { return Origin{place: "in " + key} }

// FromExtension is the origin of a token that the authenticator with an ID gives.
func FromExtension(id string) Origin { return Origin{place: "from the extension " + id, renews: true} }

// Renews says whether another token of this origin is taken up by itself, without a restart or reload.
func (o Origin) Renews() bool { return o.renews }

// token is how the token is called.
func (o Origin) token() string { return "the token " + o.place }
