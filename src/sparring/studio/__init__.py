"""The studio: a local web application. Its pages talk to the engine through this package's HTTP and WebSocket interface alone, which calls
`service`; every game runs in a worker process."""
