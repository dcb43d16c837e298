package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// The shop is how an ordinary web shop is written: echo, GORM, a transaction an
// order. It sells from tables like ours in a schema of their own, over the same
// HTTP, with as many connections. It says where it is, and ends with its stdin.

const shopCommand = "shop"

// shopOrder is what buyers send, as to usher.
type shopOrder struct {
	Event string `json:"event"`
	Lines []struct {
		Category string `json:"category"`
		Qty      int    `json:"qty"`
	} `json:"lines"`
	Buyer json.RawMessage `json:"buyer"`
}

var (
	errSoldOut = errors.New("sold out")
	errReused  = errors.New("the key was used for another order")
)

// runShop is the child; its argument is the database's URL.
func runShop(args []string, in io.Reader, out io.Writer) error { //nolint:funlen // a shop in one piece, from its routes to its end
	if len(args) != 1 {
		return errors.New("shop wants the database's URL")
	}
	s, err := openShop(args[0])
	if err != nil {
		return err
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.POST("/orders", func(c echo.Context) error {
		var o shopOrder
		if err := c.Bind(&o); err != nil {
			return err
		}
		placed, err := s.place(c.Request().Context(), o, c.Request().Header.Get("Idempotency-Key"))
		switch {
		case errors.Is(err, errSoldOut):
			return echo.NewHTTPError(http.StatusConflict, err.Error())
		case errors.Is(err, errReused):
			return echo.NewHTTPError(http.StatusUnprocessableEntity, err.Error())
		case err != nil:
			return err
		}
		return c.JSON(http.StatusCreated, placed)
	})
	e.POST("/nothing", func(c echo.Context) error { // what HTTP and JSON cost without a shop behind them
		var o shopOrder
		if err := c.Bind(&o); err != nil {
			return err
		}
		return c.JSON(http.StatusCreated, o)
	})
	if e.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	fmt.Fprintln(out, "the shop is at http://"+e.Listener.Addr().String())
	go func() {
		_, _ = io.Copy(io.Discard, in)
		last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = e.Shutdown(last)
	}()
	if err := e.Start(""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// shopProcess is a shop that runs.
type shopProcess struct {
	cmd   *exec.Cmd
	stdin io.Closer
	door  string // host:port
}

func startShop(url string) (*shopProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &shopProcess{cmd: exec.Command(self, shopCommand, url)}
	s.cmd.Stderr = os.Stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.stdin = stdin; s.cmd.Start() != nil {
		return nil, errors.New("the shop does not start")
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(errors.New("the shop ended before it said where it is"), s.stop())
	}
	_, s.door, _ = strings.Cut(strings.TrimSpace(line), "http://")
	return s, nil
}

func (s *shopProcess) stop() error {
	_ = s.stdin.Close()
	return s.cmd.Wait()
}
