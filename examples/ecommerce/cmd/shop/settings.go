package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"

	"github.com/pasttense/pasttense/examples/ecommerce/config"
)

const usage = `Usage: shop [flags]

  Flag            Variable
  -port           PORT                  port of the order service, 8000 unless given; 0 is any that is free
  -product-port   PRODUCT_PORT          port of the product service mock, 8001 unless given
  -email-port     EMAIL_PORT            port of the email mock, 8002 unless given
  -products       PRODUCTS_FILE         products for the mock, in a file like product/products.json
                  DATABASE_URL          Postgres to keep events and read model in, which else are kept in memory
                  PRODUCT_SERVICE_URL   product service to ask instead of the mock
                  EMAIL_SERVICE_URL     mail service to send through instead of the mock
                  CORS_ORIGINS          origins whose web pages may call the order service, or *
`

// flags are other names of variables, and go before them.
var flags = map[string]string{
	"port": "PORT", "product-port": "PRODUCT_PORT", "email-port": "EMAIL_PORT", "products": "PRODUCTS_FILE",
}

// ports are the variables that say where the order service, the product service mock and the email mock listen.
var ports = [3]string{"PORT", "PRODUCT_PORT", "EMAIL_PORT"}

const exampleDatabase = "postgres://user:password@localhost:5432/shop"

// settings are what the shop can be told.
type settings struct {
	ports                                    [3]int
	products, database, productURL, emailURL string
	origins                                  []string
}

func readSettings(args []string, getenv func(string) string) (s settings, err error) {
	given := make(map[string]string)
	set := flag.NewFlagSet("shop", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for name, variable := range flags {
		set.Func(name, "", func(value string) error {
			given[variable] = value
			return nil
		})
	}
	if err := set.Parse(args); err != nil {
		return s, err
	}
	if set.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	read := config.Settings{Getenv: func(name string) string { return cmp.Or(given[name], getenv(name)) }}
	for i, variable := range ports {
		s.ports[i] = read.Port(variable, 8000+i)
	}
	s.products = read.Getenv("PRODUCTS_FILE")
	s.database = read.URL("DATABASE_URL", exampleDatabase, "postgresql")
	s.productURL = read.URL("PRODUCT_SERVICE_URL", "http://localhost:8001", "https")
	s.emailURL = read.URL("EMAIL_SERVICE_URL", "http://localhost:8002", "https")
	s.origins = read.Origins("CORS_ORIGINS")
	return s, read.Err
}
