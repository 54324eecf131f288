module github.com/pasttense/pasttense/examples/protobuf

go 1.25.0

require (
	github.com/pasttense/pasttense v0.0.0
	github.com/stretchr/testify v1.12.1
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/google/uuid v1.6.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace github.com/pasttense/pasttense => ../..
