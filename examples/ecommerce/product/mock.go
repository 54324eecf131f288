package product

import (
	_ "embed"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/pasttense/pasttense/examples/ecommerce/httpjson"
)

//go:embed products.json
var builtIn []byte

// Mock stands in for the product service. Its catalog is the JSON file at Path, or products.json, which is built in,
// when Path is empty. The file may be edited at any time, as each request reads it.
type Mock struct{ Path string }

// Handler serves GET /v1/product, which lists the catalog, and GET /v1/product/{id}.
func (m Mock) Handler(log *slog.Logger) http.Handler {
	router := httpjson.NewRouter(log)
	router.Get("/v1/product", m.serve)
	router.Get("/v1/product/{id}", m.serve)
	return router
}

// Catalog returns what is in the file, and an error when that is not a catalog.
func (m Mock) Catalog() (catalog Catalog, err error) {
	data := builtIn
	if m.Path != "" {
		if data, err = os.ReadFile(m.Path); err != nil {
			return Catalog{}, err
		}
	}
	if err := json.Unmarshal(data, &catalog); err != nil {
		return Catalog{}, err
	}
	for _, product := range catalog.Products {
		if _, err := product.amount(); err != nil {
			return Catalog{}, err
		}
	}
	return catalog, nil
}

func (m Mock) serve(w http.ResponseWriter, r *http.Request) {
	catalog, err := m.Catalog()
	if err != nil {
		httpjson.Fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	id := chi.URLParam(r, "id")
	if id == "" {
		httpjson.Write(w, http.StatusOK, catalog)
		return
	}
	i := slices.IndexFunc(catalog.Products, func(p Product) bool { return strings.EqualFold(p.ID.String(), id) })
	if i < 0 {
		httpjson.Fail(w, http.StatusNotFound, "No such product")
		return
	}
	found := catalog.Products[i]
	httpjson.Write(w, http.StatusOK, Product{Name: found.Name, Price: found.Price})
}
