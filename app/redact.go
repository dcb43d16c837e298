package app

import "regexp"

// What looks like something that must not leave the house, in texts that others write:
// a second net below the types' own LogValue.
var secretLike = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`), "[e-mail]"},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`), "$1 [secret]"},
	{regexp.MustCompile(`\b(?:usher|whsec|sk|rk|pk|whk)_[A-Za-z0-9_+/=-]{8,}`), "[key]"},
	{regexp.MustCompile(`\b([a-z][a-z0-9+.-]*://)[^\s/@]+@`), "$1[secret]@"},
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), "[token]"},
	{regexp.MustCompile(`(?i)\b[0-9a-f]{48,}\b`), "[handle]"},
	{regexp.MustCompile(`\b[A-Za-z0-9_-]{40,}={0,2}`), "[secret]"},
	{regexp.MustCompile(`(/(?:o|pay|invoice|claim|invite|shop/cart|shop/offers|vouchers)[/#])[A-Za-z0-9._~-]+`), "$1[token]"},
}

// redact takes out of a text what looks like a secret, an address or a handle.
func redact(text string) string {
	for _, s := range secretLike {
		text = s.what.ReplaceAllString(text, s.with)
	}
	return text
}
