package template

import "strings"

// Fallback lists, most special first, the locales whose server-side template
// suits a reader: "de-CH" gives "de-ch", "de", "default". "" gives "default".
// Source: the lookup scheme of RFC 4647, section 3.4.
func Fallback(locale string) []string { return append(localeChain(locale), "default") }

// localeChain is Fallback without the default. It takes _ for - as well.
func localeChain(locale string) []string {
	subtags := strings.FieldsFunc(strings.ToLower(locale), func(r rune) bool { return r == '-' || r == '_' })
	chain := make([]string, 0, len(subtags)+1)
	for n := len(subtags); n > 0; n-- {
		if n > 1 && len(subtags[n-1]) == 1 {
			continue // a single letter only introduces what came after it
		}
		chain = append(chain, strings.Join(subtags[:n], "-"))
	}
	return chain
}
