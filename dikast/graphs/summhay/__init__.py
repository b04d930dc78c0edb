"""SummHay: haystacks made, summarised and scored; see `dikast.graphs.summhay.graph`. Names are loaded at first use."""
