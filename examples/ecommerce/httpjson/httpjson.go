// Package httpjson holds what the HTTP services of the example have in common: answers and errors in JSON, and a
// router that logs requests.
package httpjson

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"
)

// Write answers with a value as JSON.
func Write(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // a mistake in the program, which the router answers with 500
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone is its own affair
}

// Fail answers with an error message.
func Fail(w http.ResponseWriter, status int, message string) {
	Write(w, status, map[string]string{"message": message})
}

// NewRouter returns a router that logs each request under an ID, and that answers with JSON also where there is no
// route and when a handler panics.
func NewRouter(log *slog.Logger) *chi.Mux {
	router := chi.NewRouter()
	router.Use(logRequests(log))
	router.NotFound(func(w http.ResponseWriter, r *http.Request) {
		Fail(w, http.StatusNotFound, "There is nothing at "+r.URL.Path)
	})
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		allowed := slices.DeleteFunc([]string{http.MethodGet, http.MethodPost}, func(method string) bool {
			return !router.Match(chi.NewRouteContext(), method, r.URL.Path)
		})
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		Fail(w, http.StatusMethodNotAllowed, "Method "+r.Method+" is not allowed here")
	})
	return router
}

// RequestID returns the ID of the request that ctx belongs to.
func RequestID(ctx context.Context) string { return middleware.GetReqID(ctx) }

func logRequests(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, start := uuid.NewString(), time.Now()
			log := log.With("request", id)
			answer := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			answer.Header().Set("X-Request-ID", id)
			defer func() {
				if panicked := recover(); panicked != nil {
					log.Error("handler panicked", "panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
					Fail(answer, http.StatusInternalServerError, "Internal error")
				}
				log.Info("request", "method", r.Method, "path", r.URL.Path, "status", answer.Status(),
					"bytes", answer.BytesWritten(), "duration", time.Since(start))
			}()
			next.ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), middleware.RequestIDKey, id)))
		})
	}
}
