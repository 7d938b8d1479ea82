"""An explanation to look at: in the terminal, as one HTML page, as SVG, in a notebook."""
