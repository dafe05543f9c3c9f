#pragma once
// GET /openapi.json.

#include <string_view>

namespace spawner::api {

inline constexpr std::string_view openapi = R"json({
  "openapi": "3.0.3",
  "info": {"title": "Spawner", "version": "v1", "description": "Session-lived backends: spawn one, follow it, end it."},
  "paths": {
    "/spawn": {"post": {
      "summary": "Start a session",
      "parameters": [
        {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}, "description": "The same key with the same body never starts a second session. As hard to guess as the session's name should be."},
        {"name": "fieldValidation", "in": "query", "schema": {"type": "string", "enum": ["Strict", "Warn", "Ignore"], "default": "Warn"}}],
      "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Spawn"}}}},
      "responses": {
        "200": {"description": "It exists now", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Spawned"}}}},
        "default": {"$ref": "#/components/responses/Problem"}}}},
    "/backends": {"get": {
      "summary": "All sessions, in pages",
      "parameters": [
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}},
        {"name": "continue", "in": "query", "schema": {"type": "string"}}],
      "responses": {
        "200": {"description": "A page", "content": {"application/json": {"schema": {"type": "object", "properties": {
          "items": {"type": "array", "items": {"type": "object"}}, "continue": {"type": "string", "nullable": true}}}}}},
        "default": {"$ref": "#/components/responses/Problem"}}}},
    "/backend/{name}": {
      "parameters": [{"$ref": "#/components/parameters/Name"}],
      "get": {"summary": "All that is known of a session", "responses": {
        "200": {"description": "The session; \"end\" says how it ended", "content": {"application/json": {"schema": {"type": "object"}}}},
        "default": {"$ref": "#/components/responses/Problem"}}},
      "delete": {"summary": "End a session now", "responses": {
        "202": {"description": "It is deleted; its pod ends within the termination grace period"},
        "410": {"description": "It had ended already"},
        "default": {"$ref": "#/components/responses/Problem"}}}},
    "/backend/{name}/status": {
      "parameters": [{"$ref": "#/components/parameters/Name"}],
      "get": {"summary": "The newest change of state", "responses": {
        "200": {"description": "The change", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}}},
        "default": {"$ref": "#/components/responses/Problem"}}}},
    "/backend/{name}/status/stream": {
      "parameters": [{"$ref": "#/components/parameters/Name"}],
      "get": {"summary": "Every change of state: past ones in order, then live; it ends after the session", "responses": {
        "200": {"description": "Server-Sent Events whose data is a Change", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        "204": {"description": "Last-Event-ID is an end: nothing will come"},
        "default": {"$ref": "#/components/responses/Problem"}}}},
    "/backend/{name}/ready": {
      "parameters": [{"$ref": "#/components/parameters/Name"}],
      "get": {"summary": "Go to the session", "responses": {
        "302": {"description": "It is ready: Location is its URL"},
        "409": {"description": "It is not ready yet; a browser gets a page that waits"},
        "410": {"description": "It has ended; the reason is told"},
        "default": {"$ref": "#/components/responses/Problem"}}}}
  },
  "components": {
    "parameters": {"Name": {"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}},
    "responses": {"Problem": {"description": "RFC 9457", "content": {"application/problem+json": {"schema": {"type": "object", "properties": {
      "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}, "reason": {"type": "string"}}}}}}},
    "schemas": {
      "Spawn": {"type": "object", "required": ["image"], "properties": {
        "image": {"type": "string"},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535, "nullable": true, "description": "Where the application listens (and its PORT); default 8080"},
        "env": {"type": "object", "additionalProperties": {"type": "string"}, "nullable": true},
        "gracePeriodSeconds": {"type": "integer", "minimum": 0, "nullable": true, "description": "Ended after this long without a connection; default 300"},
        "startupTimeoutSeconds": {"type": "integer", "minimum": 1, "nullable": true},
        "maxLifetimeSeconds": {"type": "integer", "minimum": 1, "nullable": true},
        "upstreamProtocol": {"type": "string", "enum": ["http1", "h2c"], "nullable": true, "description": "What the application speaks: h2c is HTTP/2 without TLS (gRPC); default http1"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}, "nullable": true},
        "resources": {"type": "object", "nullable": true, "properties": {"limits": {"type": "object"}, "requests": {"type": "object"}}}}},
      "Spawned": {"type": "object", "properties": {
        "url": {"type": "string", "nullable": true}, "name": {"type": "string"},
        "readyUrl": {"type": "string", "nullable": true}, "statusUrl": {"type": "string", "nullable": true}}},
      "Change": {"type": "object", "properties": {
        "state": {"type": "string", "enum": ["Submitted", "Constructed", "Scheduled", "Running", "Ready", "Swept", "Failed"]},
        "time": {"type": "string", "format": "date-time"},
        "reason": {"type": "string", "description": "Of an end"}, "message": {"type": "string", "description": "Of an end"}}}}
  }
}
)json";

}  // namespace spawner::api
