package web

import "time"

// Glance is what a module has to say on the page Now.
type Glance struct {
	Figures []Figure
	Alerts  []Alert
	News    []News // the latest first, at most a handful
	Steps   []Step // of the first run, in order
}

// Figure is one number at a glance.
type Figure struct {
	Name   Text
	Value  Text
	Note   Text
	Link   string // the page that shows more
	Urgent bool   // a person should look
}

// Alert is what a person must look at.
type Alert struct {
	What, Do Text
	Link     string // where to look; "": nowhere
	Post     string // what the button sends; "": there is none
	Button   Text
}

// News is something that happened a moment ago.
type News struct {
	At   time.Time
	What Text
	Link string
}

// Step is a step of the first run.
type Step struct {
	Done      bool
	What, Why Text
	Examples  []Example
	Link      string // the page where it is done; "": with the examples
}

// Example is a command line that does a step.
type Example struct {
	Label   Text
	Command string
}
