module example.com/gateway

go 1.23

require github.com/google/go-cmp v0.6.0
