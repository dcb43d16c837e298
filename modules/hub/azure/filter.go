package azure

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/usherhq/usher/modules/hub"
	"github.com/usherhq/usher/modules/kernel/fault"
)

// maxFilter is the longest $filter, in bytes.
const maxFilter = 8192

// readFilter turns "DeviceToken eq '…'" into a query. A condition on several
// members joins them with "and". Errors: fault.Invalid.
func readFilter(text string) (hub.RegistrationQuery, error) {
	const op, fix = "azure.Filter", "such as DeviceToken eq '0A1B…', or FcmV1RegistrationId eq '…'"
	var q hub.RegistrationQuery
	if strings.TrimSpace(text) == "" {
		return q, nil
	}
	if len(text) > maxFilter {
		return q, fault.BadField(op, "$filter", fmt.Sprintf("has %d bytes", len(text)), fmt.Sprintf("at most %d", maxFilter))
	}
	given := map[string]string{}
	for part := range strings.SplitSeq(text, " and ") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), " eq ")
		if !ok {
			return q, fault.BadField(op, "$filter", "is not understood", fix)
		}
		// The package forgets the first quote of a Baidu channel.
		given[strings.TrimSpace(name)] = unescaped(strings.ReplaceAll(strings.Trim(strings.TrimSpace(value), "'"), "''", "'"))
	}
	for name := range given {
		p := find(func(p *platform) bool { return p.handle == name })
		if p == nil {
			continue
		}
		q.Kind, q.Handle = p.kind, given[name]
		switch {
		case p.form == "Apple":
			q.Handle = strings.ToLower(q.Handle)
		case p.form == "Baidu":
			q.Handle = baiduHandle(given["BaiduUserId"], q.Handle)
		case p.handle == "ChannelUri":
			q.Kind = "" // of Windows, and of Windows Phone
		}
	}
	if q.Handle == "" {
		return q, fault.BadField(op, "$filter", "names no handle", fix)
	}
	return q, nil
}

// unescaped undoes the escapes that clients put into addresses before the query as
// a whole is escaped.
func unescaped(value string) string {
	if low := strings.ToLower(value); !strings.HasPrefix(low, "https%3a") && !strings.HasPrefix(low, "http%3a") {
		return value
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}
