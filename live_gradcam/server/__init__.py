"""The browser view: pages, sockets and programs ask, one model answers all of them."""
