package httpjson_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/examples/ecommerce/httpjson"
)

func TestEveryRequestIsLoggedAndAnsweredWithJSON(t *testing.T) {
	var log bytes.Buffer
	router := httpjson.NewRouter(slog.New(slog.NewTextHandler(&log, nil)))
	router.Get("/good", func(w http.ResponseWriter, r *http.Request) {
		httpjson.Write(w, http.StatusOK, map[string]string{"request": httpjson.RequestID(r.Context())})
	})
	router.Post("/good", func(w http.ResponseWriter, _ *http.Request) { httpjson.Fail(w, http.StatusTeapot, "No") })
	router.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("out of tea") })

	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{http.MethodPost, "/good", http.StatusTeapot, `{"message":"No"}`},
		{http.MethodGet, "/panic", http.StatusInternalServerError, `{"message":"Internal error"}`},
		{http.MethodGet, "/nothing", http.StatusNotFound, `{"message":"There is nothing at /nothing"}`},
		{http.MethodPut, "/good", http.StatusMethodNotAllowed, `{"message":"Method PUT is not allowed here"}`},
	} {
		answer := httptest.NewRecorder()
		router.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), test.method, test.path, nil))
		assert.Equal(t, test.status, answer.Code)
		assert.Equal(t, test.body+"\n", answer.Body.String())
		assert.Equal(t, "application/json", answer.Header().Get("Content-Type"))
		assert.Contains(t, log.String(), "method="+test.method+" path="+test.path)
	}
	assert.Contains(t, log.String(), `panic="out of tea"`)

	answer := httptest.NewRecorder()
	router.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/good", nil))
	assert.Equal(t, "GET, POST", answer.Header().Get("Allow"))

	answer = httptest.NewRecorder()
	router.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/good", nil))
	id := answer.Header().Get("X-Request-ID")
	assert.JSONEq(t, `{"request": "`+id+`"}`, answer.Body.String())
	assert.Contains(t, log.String(), "request="+id)
}
