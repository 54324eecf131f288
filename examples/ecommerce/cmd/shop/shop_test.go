package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
)

// patience is how long a test waits for something that takes a moment, on a machine that has other things to do.
const patience = 30 * time.Second

// binary is the program under test.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	directory, err := os.MkdirTemp("", "shop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(directory)
	binary = filepath.Join(directory, "shop")
	arguments := []string{"build", "-o", binary}
	if info, _ := debug.ReadBuildInfo(); slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		arguments = append(arguments, "-race") // as the test is
	}
	if out, err := exec.CommandContext(context.Background(), "go", append(arguments, ".")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the shop: %v\n%s", err, out)
		return 1
	}
	return pgtest.WithCleanup(m).Run()
}

// program is a shop that runs.
type program struct {
	*exec.Cmd
	output *bufio.Reader
	errors *bytes.Buffer // complete once the program has ended
}

// start starts the shop on free ports, with these variables besides.
func start(t *testing.T, variables ...string) *program {
	t.Helper()
	p := &program{Cmd: exec.CommandContext(t.Context(), binary), errors: &bytes.Buffer{}}
	p.Env = append(environment(), variables...)
	p.Stderr = p.errors
	output, err := p.StdoutPipe()
	require.NoError(t, err)
	p.output = bufio.NewReader(output)
	require.NoError(t, p.Start())
	return p
}

// environment has free ports, and spares the second that the race detector waits at the end.
func environment() []string {
	return []string{"PORT=0", "PRODUCT_PORT=0", "EMAIL_PORT=0", "GORACE=atexit_sleep_ms=0"}
}

// introduction reads what the program prints when it is open.
func (p *program) introduction(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for !strings.Contains(text.String(), "/healthcheck\n") {
		line, err := p.output.ReadString('\n')
		require.NoError(t, err, "after %s", text.String())
		text.WriteString(line)
	}
	return text.String()
}

// stop asks the program to stop, and requires that it does so without complaint.
func (p *program) stop(t *testing.T, signal os.Signal) {
	t.Helper()
	require.NoError(t, p.Process.Signal(signal))
	require.NoError(t, p.Wait(), p.errors)
	assert.NotContains(t, p.errors.String(), "level=ERROR")
	assert.NotContains(t, p.errors.String(), "level=WARN")
}

func TestTheWholeShop(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		tryOut(t, "memory", syscall.SIGINT)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		database := pgtest.Database(t)
		tryOut(t, "Postgres", syscall.SIGTERM, "DATABASE_URL="+database)
		tryOut(t, "Postgres", syscall.SIGTERM, "DATABASE_URL="+database) // that is migrated already
	})
}

// tryOut does what the shop's introduction proposes.
func tryOut(t *testing.T, keeper string, signal os.Signal, variables ...string) {
	t.Helper()
	shop := start(t, variables...)
	introduction := shop.introduction(t)
	assert.Contains(t, introduction, "keeps its events and its read model in "+keeper)

	want := []struct{ status, body string }{
		{"200", `"name":"Plain T-Shirt","price":24.99`},
		{"201", `{"orderId":`},
		{"200", `{"orderId":`},
		{"200", `"status":"IN_PROGRESS"`},
		{"200", `{"orderId":`},
		{"200", `"text":"Thank you for your order. It comes to 59.99."`},
		{"200", `"totalPrice":59.99`},
		{"200", `"type":"order.checked-out"`},
		{"200", `"status":"healthy"`},
	}
	proposals := regexp.MustCompile(`(?m)^ {2}curl .*$`).FindAllString(introduction, -1)
	require.Len(t, proposals, len(want))
	for i, proposal := range proposals {
		require.EventuallyWithT(t, func(c *assert.CollectT) { // the mail takes a moment
			status, body := curl(t, proposal)
			require.Equal(c, want[i].status, status, body)
			require.Contains(c, body, want[i].body)
		}, patience, 5*time.Millisecond, proposal)
		if want[i].status == "201" {
			status, _ := curl(t, proposal)
			require.Equal(t, "202", status, proposal)
		}
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, body := curl(t, proposals[3])
		require.Contains(c, body, `"status":"CONFIRMED"`)
	}, patience, 5*time.Millisecond)
	shop.stop(t, signal)
}

var curlSyntax = regexp.MustCompile(`^  curl -i (?:-X (POST) )?'?(http://[^ ']+)'?(?: -d '(.*)')?$`)

// curl does what the command would do, and returns status and body. It may be called from any goroutine.
func curl(t *testing.T, command string) (status, body string) {
	t.Helper()
	parts := curlSyntax.FindStringSubmatch(command)
	if !assert.NotNil(t, parts, command) {
		return "", ""
	}
	method := http.MethodGet
	if parts[1] != "" || parts[3] != "" {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(t.Context(), method, parts[2], strings.NewReader(parts[3]))
	if !assert.NoError(t, err) {
		return "", ""
	}
	if parts[3] != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl does
	}
	response, err := http.DefaultClient.Do(request)
	if !assert.NoError(t, err) {
		return "", ""
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	assert.NoError(t, err)
	return response.Status[:3], string(content)
}

// A request that is in hand when the shop is told to stop is finished, and what it has recorded is there afterwards.
func TestARequestInHandIsFinished(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	products := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		fmt.Fprint(w, `{"name": "Socks", "price": 9.99}`)
	}))
	defer products.Close()
	shop := start(t, "DATABASE_URL="+database, "PRODUCT_SERVICE_URL="+products.URL)
	orders := addressIn(t, shop.introduction(t))
	order := orders + "/v1/orders/" + uuid.NewString()

	status := make(chan string)
	go func() {
		got, _ := curl(t, "  curl -i "+order+`/add -d '{"itemId": "36176af9-a04f-40f3-805e-7fb9487f91d0"}'`)
		status <- got
	}()
	<-asked
	require.NoError(t, shop.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { // it takes no new requests
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(orders, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	}, patience, time.Millisecond)
	close(answer)
	assert.Equal(t, "201", <-status)
	require.NoError(t, shop.Wait(), shop.errors)

	again := start(t, "DATABASE_URL="+database)
	_, body := curl(t, "  curl -i "+strings.Replace(order, orders, addressIn(t, again.introduction(t)), 1))
	assert.Contains(t, body, `"name":"Socks"`)
	again.stop(t, os.Interrupt)
}

func addressIn(t *testing.T, introduction string) string {
	t.Helper()
	found := regexp.MustCompile(`order service +(http://\S+)`).FindStringSubmatch(introduction)
	require.NotNil(t, found, introduction)
	return found[1]
}

func TestProductsOfOnesOwn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "products.json")
	hat := uuid.NewString()
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil,
		`{"products": [{"id": %q, "name": "Hat", "price": 20}]}`, hat), 0o600))
	shop := start(t, "PRODUCTS_FILE="+file)
	_, body := curl(t, regexp.MustCompile(`(?m)^ {2}curl .*/v1/product$`).FindString(shop.introduction(t)))
	assert.JSONEq(t, fmt.Sprintf(`{"products": [{"id": %q, "name": "Hat", "price": 20}]}`, hat), body)
	shop.stop(t, os.Interrupt)
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":0") // as one that does not answer it serves for a database, too
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() }) // after the subtests, which are parallel
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	noJSON := filepath.Join(t.TempDir(), "products.json")
	require.NoError(t, os.WriteFile(noJSON, []byte("Socks"), 0o600))

	for name, wrong := range map[string]struct {
		args, variables []string
		says            string
	}{
		"a port in use":         {nil, []string{"PORT=" + port}, `PORT is "` + port + `": it takes a port that is free, or 0`},
		"a port in use by flag": {[]string{"-port", port}, nil, `PORT is "` + port + `": it takes a port that is free, or 0`},
		"another port in use":   {nil, []string{"EMAIL_PORT=" + port}, `EMAIL_PORT is "` + port + `": it takes a port that`},
		"no port":               {nil, []string{"PRODUCT_PORT=http"}, `PRODUCT_PORT is "http": it takes a port number`},
		"no such port":          {[]string{"-email-port=65536"}, nil, `EMAIL_PORT is "65536": it takes a port number`},
		"not a URL":             {nil, []string{"DATABASE_URL=shop"}, `DATABASE_URL is "shop": it takes a URL such as postgres://`},
		"another database":      {nil, []string{"DATABASE_URL=mysql://localhost/shop"}, `it takes a URL such as postgres://`},
		"a URL with a typing error": {
			nil,
			[]string{"DATABASE_URL=postgres://me:secret@localhost:port/shop"},
			`DATABASE_URL is "postgres://xxxxx@localhost:port/shop": it takes a URL such as postgres://`,
		},
		"a password with a slash": {
			nil,
			[]string{"DATABASE_URL=postgres://me:p@ss/secret@localhost/shop"},
			`DATABASE_URL is "postgres://xxxxx@localhost/shop": it takes a URL such as postgres://`,
		},
		"an unknown parameter": {
			nil, []string{"DATABASE_URL=postgres://me:secret@localhost/shop?sslmode=perhaps"}, `it takes the URL of a Postgres that`,
		},
		"a database that is away": {
			nil,
			[]string{"DATABASE_URL=postgres://me:secret@localhost:1/shop"},
			`DATABASE_URL is "postgres://xxxxx@localhost:1/shop": it takes the URL of a Postgres that answers`,
		},
		"a database that is silent": {
			nil,
			[]string{"DATABASE_URL=postgres://localhost:" + port + "/shop?user=me&password=secret"},
			`it takes the URL of a Postgres that answers`,
		},
		"not a service": {nil, []string{"PRODUCT_SERVICE_URL=localhost:8001"}, `PRODUCT_SERVICE_URL is "localhost:8001": it takes`},
		"not origins": {
			nil, []string{"CORS_ORIGINS=https://a.example, b.example"}, `CORS_ORIGINS is "b.example": it takes origins such as`,
		},
		"no file":          {[]string{"-products", "no.json"}, nil, `PRODUCTS_FILE is "no.json": it takes a file like`},
		"no JSON":          {nil, []string{"PRODUCTS_FILE=" + noJSON}, `it takes a file like product/products.json: invalid`},
		"an unknown flag":  {[]string{"-prot", "1"}, nil, "flag provided but not defined: -prot"},
		"a stray argument": {[]string{"8000"}, nil, `unexpected argument "8000"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
			defer cancel()
			shop := exec.CommandContext(ctx, binary, wrong.args...)
			shop.Env = append(environment(), wrong.variables...)
			var out, complaint bytes.Buffer
			shop.Stdout, shop.Stderr = &out, &complaint

			err := shop.Run()

			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			assert.Equal(t, 1, exit.ExitCode())
			assert.Empty(t, out.String())
			assert.Contains(t, complaint.String(), wrong.says)
			assert.NotContains(t, complaint.String(), "secret")
			assert.Equal(t, 1, strings.Count(complaint.String(), "\n"), complaint.String())
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), binary, "-h").Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "DATABASE_URL")
	assert.Contains(t, string(out), "-product-port")
}

// The shop is what a newcomer pastes into a terminal: its answers are JSON that a tool can read.
func TestAnswersAreJSON(t *testing.T) {
	t.Parallel()
	shop := start(t)
	for _, proposal := range regexp.MustCompile(`(?m)^ {2}curl .*$`).FindAllString(shop.introduction(t), -1) {
		_, body := curl(t, proposal)
		assert.True(t, json.Valid([]byte(body)), "%s: %s", proposal, body)
	}
	shop.stop(t, os.Interrupt)
}
