// Package config reads what differs between environments. Each has a file; the image has one of them.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"go.yaml.in/yaml/v3"
)

// Environment is where a service runs.
type Environment string

// The environments that there are.
const (
	Development Environment = "development"
	Staging     Environment = "staging"
	Production  Environment = "production"
)

// Config is what a file says.
type Config struct {
	Environment Environment `yaml:"environment"`
	// Listen is an address and a port, as in ":8080".
	Listen   string     `yaml:"listen"`
	LogLevel slog.Level `yaml:"logLevel"`
	// Zones are names of the time zone database, as in "Europe/Rome".
	Zones []string `yaml:"zones"`
	// Grace is how long requests under way may take once the service is told to end.
	Grace time.Duration `yaml:"grace"`
}

// Read reads a file. Keys that are not known are an error, and so is what the service could not run with.
func Read(path string) (Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return Config{}, err
	}
	defer file.Close()
	config := Config{Grace: 4 * time.Second}
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err := decoder.Decode(&config); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := config.validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

func (config Config) validate() error {
	switch config.Environment {
	case Development, Staging, Production:
	default:
		return fmt.Errorf("environment %q is none of development, staging, production", config.Environment)
	}
	if _, _, err := net.SplitHostPort(config.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if len(config.Zones) == 0 {
		return errors.New("zones: there is none")
	}
	for _, zone := range config.Zones {
		if _, err := time.LoadLocation(zone); err != nil {
			return fmt.Errorf("zones: %w", err)
		}
	}
	return nil
}
