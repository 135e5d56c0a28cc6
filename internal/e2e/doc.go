// Package e2e holds the tests of what users run: the built collector against the simulated PoD Log Service, the
// configurations in config/, and make targets. It has no code of its own. `make e2e` builds what the tests need; they
// fail, rather than skip, where it is missing.
package e2e
