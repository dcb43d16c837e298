package analytics

import "flag"

// update is for every golden file of the module.
var update = flag.Bool("update", false, "write the golden files instead of comparing with them")
