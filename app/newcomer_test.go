package app

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/usherhq/usher/modules/kernel/pgserver"
)

var newcomers = flag.Int("newcomer-phones", 2000, "size of the newcomer's demo; make run has 20000")

// TestNewcomerReadsOnlyTheScreen goes the way of somebody who has just typed `make run`: the
// program says where to look, and from there on only what is seen on the page is pressed and
// filled in. No address is known but the first. -v tells how long each step took; -pictures
// keeps what was seen.
func TestNewcomerReadsOnlyTheScreen(t *testing.T) {
	n := &newcomer{T: t, began: time.Now()}
	start := n.run()
	n.step("the program prints where to look")

	n.visitor = newVisitor(t, "")
	n.Dress(1280, "light")
	n.Open(start)
	n.press("Continue with Demo sign-in")
	n.press("Continue as Ana")
	n.sees("The demo festival", "Presale")
	n.step("signed in, and owner of it")

	n.sees("Tickets sold")
	sold := n.Text(figure("Tickets sold"))
	n.Until(fmt.Sprintf(`%s !== %q`, figure("Tickets sold"), sold))
	n.step("the festival is seen live: tickets are sold while the page is open")

	n.press("Make an event of your own")
	n.fill("Title", "Garden concert")
	n.fill("Name in the address", "garden-concert")
	n.fill("Starts", time.Now().AddDate(0, 0, 40).Format(time.DateOnly)+"T20:00")
	n.press("Make a draft")
	n.press("Add the first category")
	n.fill("Name", "Lawn")
	n.fill("Price, EUR", "18")
	n.fill("Capacity", "80")
	n.press("Save")
	n.press("Overview")
	n.press("Publish")
	n.sees("published")
	n.step("an event of their own is published")

	n.press("See it in the shop")
	n.sees("Garden concert", "18.00")
	n.fill("Number of tickets", "1")
	n.press("Add to cart")
	n.fill("Name", "Ana")
	n.fill("E-mail", "ana@festival.example")
	n.tick("At the door")
	n.press("Buy for")
	n.sees("Ticket 1", "Garden concert")
	n.step("a ticket for it is bought in the shop")

	n.press("Dashboard")
	n.press("Send everyone a notification")
	n.fill("Title", "Garden concert")
	n.fill("Text", "Tickets for the lawn are on sale.")
	n.press("Preview")
	n.press("Send to")
	n.sees("have an outcome")
	n.step("a notification is sent to everyone")

	n.press("Now")
	n.press("Look at your phone")
	n.sees("Tickets for the lawn are on sale.")
	n.step("it is on the phone")
	n.Quiet()
}

// figure is the number on a card of the page Now.
func figure(name string) string {
	return fmt.Sprintf(`([...document.querySelectorAll(".glance li")].find(x => x.innerText.includes(%q))?.querySelector(".glance-value").innerText ?? "")`, name)
}

// newcomer is a browser and a clock, and knows nothing.
type newcomer struct {
	*testing.T
	visitor
	began time.Time
	last  time.Duration
	steps int
}

// run starts the demo as make run does, and reads what it prints until it says where to look.
func (n *newcomer) run() (link string) {
	n.Helper()
	program, err := os.Executable()
	if err != nil {
		n.Fatal(err)
	}
	home := filepath.Join(newHome(n.T), "data")
	cmd := exec.Command(program, "demo", "--data-dir", home, "--listen", "127.0.0.1:0", "--installations", fmt.Sprint(*newcomers))
	cmd.Env = append(os.Environ(), asUsher+"=1")
	log := &strings.Builder{}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.Fatal(err)
	}
	child, err := pgserver.StartChild(cmd)
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() {
		child.Signal(syscall.SIGTERM)
		<-child.Done()
		if n.Failed() {
			n.Log(log.String())
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, link, ok := strings.Cut(lines.Text(), "Look at it:"); ok {
			go func() {
				for lines.Scan() { // what it goes on to say is read, so that it never waits for us
				}
			}()
			return strings.TrimSpace(link)
		}
	}
	n.Fatalf("it never said where to look:\n%s", log)
	return ""
}

// step says what was reached, and when.
func (n *newcomer) step(what string) {
	n.Helper()
	n.steps++
	at := time.Since(n.began)
	n.Logf("| %d | %s | %.1f s | %.1f s |", n.steps, what, (at - n.last).Seconds(), at.Seconds())
	n.last = at
	if *pictures != "" && n.Browser != nil {
		n.Picture(filepath.Join(*pictures, fmt.Sprintf("newcomer-%d.png", n.steps)))
	}
}
