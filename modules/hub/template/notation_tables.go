package template

// The tables of this file hold what golang.org/x/text does not offer. They are
// facts of the Unicode CLDR, keyed by locale and found through its parents.

// moneyPattern is where a locale puts symbol (¤), amount (0) and minus (-).
type moneyPattern struct{ positive, negative string }

var (
	symbolFirst       = moneyPattern{"¤0", "-¤0"}
	symbolFirstApart  = moneyPattern{"¤" + noBreak + "0", "-¤" + noBreak + "0"} // CLDR's root
	symbolLast        = moneyPattern{"0" + noBreak + "¤", "-0" + noBreak + "¤"}
	minusAfterSymbol  = moneyPattern{"¤" + noBreak + "0", "¤" + noBreak + "-0"}
	minusInsteadOfGap = moneyPattern{"¤" + noBreak + "0", "¤-0"} // Switzerland
)

var moneyPatterns = map[string]moneyPattern{
	"en": symbolFirst, "ja": symbolFirst, "ko": symbolFirst, "zh": symbolFirst, "th": symbolFirst,
	"hi": symbolFirst, "tr": symbolFirst, "ga": symbolFirst, "cy": symbolFirst, "es-419": symbolFirst,

	"de": symbolLast, "fr": symbolLast, "es": symbolLast, "it": symbolLast, "pl": symbolLast, "pt-PT": symbolLast,
	"bg": symbolLast, "bs": symbolLast, "ca": symbolLast, "cs": symbolLast, "da": symbolLast, "el": symbolLast,
	"et": symbolLast, "eu": symbolLast, "fi": symbolLast, "gl": symbolLast, "hr": symbolLast, "hu": symbolLast,
	"is": symbolLast, "lt": symbolLast, "lv": symbolLast, "nb": symbolLast, "no": symbolLast, "ro": symbolLast,
	"ru": symbolLast, "sk": symbolLast, "sl": symbolLast, "sr": symbolLast, "sv": symbolLast, "uk": symbolLast,
	"vi": symbolLast,

	"nl": minusAfterSymbol, "de-AT": symbolFirstApart,
	"de-CH": minusInsteadOfGap, "de-LI": minusInsteadOfGap, "it-CH": minusInsteadOfGap, "en-CH": minusInsteadOfGap,
}

// moneySign is what stands between the digits of money.
type moneySign struct{ group, point string }

// moneySigns are CLDR's currencyGroup and currencyDecimal where they are not
// those of other numbers.
var moneySigns = map[string]moneySign{"de-AT": {".", ","}, "fr-CH": {noBreak, "."}}

// groupFrom is CLDR's minimumGroupingDigits + 3: "1234" but "12.345".
var groupFrom = map[string]int{"es": 5, "es-419": 4, "pl": 5, "pt-PT": 5}

// degreeGaps are the locales that write 20°C rather than 20 °C.
var degreeGaps = map[string]string{"en": "", "ja": "", "nl": "", "pl": ""}

// imperialRegions measure in feet, miles and °F.
var imperialRegions = map[string]bool{
	"US": true, "AS": true, "GU": true, "MP": true, "PR": true, "UM": true, "VI": true, "LR": true,
	"BS": true, "BZ": true, "FM": true, "KY": true, "MH": true, "PW": true,
}
